import type { Duration } from "../base/time.ts";

// Where the time of an attempt went, read from its transcript (core/outbound/transcript).

/** To the greeting; EHLO, TLS and login; MAIL and RCPT up to the word to go on; the content, up to its reply. */
export type PhaseName = "connect" | "session" | "envelope" | "content";

export interface Phase {
  readonly name: PhaseName;
  readonly took: Duration;
}

/** The longest time in which nothing was said. */
export interface Gap {
  readonly took: Duration;
  /** What was said or done before it, and what ended it. */
  readonly after: string;
  readonly before: string;
}

interface Line {
  readonly at: number;
  readonly isServer: boolean;
  readonly text: string;
}

/** Lines that were left out, and with them their time, are not among them. */
function linesOf(transcript: string): Line[] {
  return transcript.split("\n").flatMap((line) => {
    const found = /^\+([0-9]{1,15}) ([CS*]): (.*)$/.exec(line);
    if (found === null) return [];
    const [, at, who, text = ""] = found;
    return [{ at: Number(at), isServer: who === "S", text }];
  });
}

function phaseAfter(phase: PhaseName | "over", { isServer, text }: Line): PhaseName | "over" {
  if (!isServer && text.startsWith("MAIL FROM")) return "envelope";
  if (!isServer && text.startsWith("over the connection ")) return "session"; // one that stands (engine/courier)
  if (!isServer) return phase;
  if (phase === "connect") return "session";
  if (phase === "envelope" && text.startsWith("354")) return "content";
  return phase === "content" ? "over" : phase;
}

/** In the order in which they came; those that there were. */
export function phasesOf(transcript: string): Phase[] {
  const took = new Map<PhaseName, Duration>();
  let phase: PhaseName | "over" = "connect";
  let last: Line | undefined;
  for (const line of linesOf(transcript)) {
    if (last !== undefined && phase !== "over") took.set(phase, (took.get(phase) ?? 0) + line.at - last.at);
    phase = phaseAfter(phase, line);
    last = line;
  }
  return [...took].map(([name, time]) => ({ name, took: time }));
}

/** Undefined with fewer than two lines, or where all was said at once. */
export function longestGap(transcript: string): Gap | undefined {
  let longest: Gap | undefined;
  let last: Line | undefined;
  for (const line of linesOf(transcript)) {
    const took = last === undefined ? 0 : line.at - last.at;
    if (last !== undefined && took > (longest?.took ?? 0)) longest = { took, after: last.text, before: line.text };
    last = line;
  }
  return longest;
}
