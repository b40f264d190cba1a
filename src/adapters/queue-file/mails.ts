import type { ExportedMessage } from "../../core/queue/exported.ts";
import { Frames } from "./frames.ts";
import { readMessage } from "./lines.ts";

/** The body of an import: messages, a line and its content each. Throws where one is none. */
export async function* mailsOf(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly message: ExportedMessage; readonly content: AsyncIterable<Uint8Array> }, void, void> {
  const frames = new Frames(pieces);
  for (;;) {
    const line = await frames.line();
    if (line === undefined) return;
    const message = readMessage(line);
    if ("wrong" in message) throw new Error(message.wrong);
    yield { message, content: frames.content(message.octets) };
  }
}
