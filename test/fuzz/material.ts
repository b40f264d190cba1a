import { octetText } from "../../src/core/base/bytes.ts";
import type { Transcript } from "../support/transcript.ts";
import { type NamedTranscript, transcripts } from "../support/transcripts.ts";
import { filesIn } from "./corpus.ts";

// What other suites have, as seeds.

let known: readonly NamedTranscript[] | undefined;

function all(): readonly NamedTranscript[] {
  return (known ??= transcripts());
}

const LINES_MAX = 400;
const LINE_MAX = 300;

/** Lines that clients say in the transcripts, without their ends. */
export function transcriptLines(): string[] {
  const lines = all().flatMap(({ transcript }) =>
    transcript.steps.flatMap((step) => (step.kind === "send" ? step.pieces.map(octetText) : [])),
  );
  const short = lines.map((line) => line.replace(/\r\n$/, "")).filter((line) => line.length <= LINE_MAX);
  return [...new Set(short)].slice(0, LINES_MAX);
}

/** A whole dialogue: the words of the listener, and what is sent in one piece each time. `""` is the handshake. */
export interface TranscriptSession {
  readonly listener: string;
  readonly segments: readonly string[];
}

export function transcriptSession({ listener, steps }: Transcript): TranscriptSession {
  const segments = steps.flatMap((step) => {
    if (step.kind === "tls") return [""];
    if (step.kind !== "send") return [];
    return step.isTogether ? [step.pieces.map(octetText).join("")] : step.pieces.map(octetText);
  });
  return { listener, segments };
}

export function transcriptSessions(): readonly TranscriptSession[] {
  return all().map(({ transcript }) => transcriptSession(transcript));
}

/** Headers of messages that came over many servers. */
export function chains(): string[] {
  return filesIn("corpus/chains", ".eml");
}

/** String literals of the next hops that the attack suite has: what broken servers say. */
export function hopWords(): string[] {
  const source = filesIn("support", "broken-hops.ts").join("\n");
  const found = [...source.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map(([, text]) => text!.replaceAll("\\r\\n", "\r\n"));
  return [...new Set(found)].filter((text) => text.length > 2);
}
