// Reads the file of an export: first whether it is whole, then what goes to the relay in which request.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { BrokenFrames, Frames } from "../adapters/queue-file/frames.ts";
import { type WrongLine, readHead, readNext } from "../adapters/queue-file/lines.ts";
import { IMPORT, KiB } from "../core/base/limits.ts";
import { ExportedContent } from "../core/queue/exported-content.ts";
import type { ExportEnd, ExportHead } from "../core/queue/exported.ts";

/** So many messages, from this octet of the file up to that one. */
export interface Step {
  readonly start: number;
  readonly end: number;
  readonly messages: number;
}

export interface WholeExport {
  readonly head: ExportHead;
  readonly steps: readonly Step[];
  readonly end: ExportEnd;
}

const PIECE_OCTETS = 256 * KiB;

export interface BrokenExport {
  readonly broken: string;
}

/** All of the file is read, so that nothing of one is taken that was cut or changed. */
export async function readExport(handle: FileHandle): Promise<WholeExport | BrokenExport> {
  const sum = createHash("sha256");
  const frames = new Frames(piecesOf(handle, 0, Number.POSITIVE_INFINITY));
  try {
    const first = await frames.line();
    const head = first === undefined ? { wrong: "it is empty" } : readHead(first);
    if ("wrong" in head) return { broken: head.wrong };
    sum.update(`${first}\n`);
    const found = await readSteps(frames, sum);
    if ("broken" in found) return found;
    return { head, ...found };
  } catch (error) {
    if (error instanceof BrokenFrames) return { broken: error.message };
    throw error;
  }
}

async function readSteps(
  frames: Frames,
  sum: ReturnType<typeof createHash>,
): Promise<Omit<WholeExport, "head"> | BrokenExport> {
  const steps: Step[] = [];
  let [messages, deliveries] = [0, 0];
  let wrong: string | undefined;
  for (;;) {
    const start = frames.position;
    const line = await frames.line();
    if (line === undefined) return { broken: `it ends ${behind(messages)}, without its last line` };
    const next: ReturnType<typeof readNext> = readNext(line);
    if (isWrong(next)) return { broken: `${placeOf(messages, start)}: ${next.wrong}. Export the queue anew` };
    if ("sha256" in next) {
      if (next.sha256 !== sum.digest("hex") || next.messages !== messages || next.deliveries !== deliveries)
        return { broken: "its check sum is wrong: it was changed or damaged" };
      if ((await frames.line()) !== undefined) return { broken: "something stands behind its end" };
      if (wrong !== undefined) return { broken: wrong }; // only now: of a file that is damaged that is what is wrong
      return { steps, end: next };
    }
    sum.update(`${line}\n`);
    const checked = new ExportedContent();
    for await (const piece of frames.content(next.octets)) {
      sum.update(piece);
      checked.take(piece);
    }
    sum.update("\n");
    const fault = checked.fault(next.envelope);
    if (fault !== undefined)
      wrong ??= `${placeOf(messages, start)}, ${next.id}: ${fault}, and no relay takes it like that. ${ADVICE}`;
    messages++;
    deliveries += next.deliveries.length;
    addTo(steps, start, frames.position);
  }
}

const ADVICE = "Cancel it in the queue that it came from (`waypost queue cancel`), and export that anew";

/** Of the message behind so many. */
function placeOf(messages: number, start: number): string {
  return `message ${messages + 1} of the file, at octet ${start}`;
}

/** Where in the file. */
function behind(messages: number): string {
  return messages === 0 ? "behind its first line" : `behind message ${messages}`;
}

/** To the last step, unless that is large enough already. */
function addTo(steps: Step[], start: number, end: number): void {
  const last = steps.at(-1);
  if (last === undefined || last.messages === IMPORT.messagesPerStep || end - last.start > IMPORT.octetsPerStep)
    steps.push({ start, end, messages: 1 });
  else steps[steps.length - 1] = { start: last.start, end, messages: last.messages + 1 };
}

function isWrong(found: object): found is WrongLine {
  return "wrong" in found;
}

export async function* piecesOf(
  handle: FileHandle,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void, void> {
  for (let at = start; at < end;) {
    const piece = new Uint8Array(Math.min(PIECE_OCTETS, end - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
