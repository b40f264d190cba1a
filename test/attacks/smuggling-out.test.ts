import * as fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes } from "../../src/core/base/bytes.ts";
import type { StoredMessage } from "../support/machine.ts";
import { Machine } from "../support/machine.ts";
import { octets, testListener } from "../support/listener.ts";
import { MemoryFiles } from "../support/engine.ts";
import type { MessageInHand } from "../../src/engine/load.ts";
import { outgoing } from "../../src/engine/pipeline.ts";

// What goes on the wire to the next hop is canonical whatever came in: one end of data, and it is last.

const PREFIX = "Received: from a\r\n\tby b\r\n";
const SEQUENCES = [
  "\n.\n",
  "\n.\r",
  "\r.\n",
  "\r.\r",
  "\n.\r\n",
  "\r.\r\n",
  "\r\n\n.\r\n",
  "\n\r.\r\n",
  "\r\n\r.\r\n",
  ".\n",
  ".\r",
  "\r\n.\n",
  "\r\n.\r",
  "\r\n.\r\r\n",
  "\r\r\n.\r\r\n",
  "\r\n\0.\r\n",
  "\r\n.\0\r\n",
  "\r\n. \r\n",
  "\r\n.\t\r\n",
  "\r\n.\x0b\r\n",
  "\r\n.\x0c\r\n",
  "\x85.\x85",
  "\xE2\x80\xA8.\xE2\x80\xA8",
  "\r\n..\r\n",
  "\r\n.\r\n",
];
const BODIES = SEQUENCES.flatMap((sequence) => [`A${sequence}B`, sequence, `${sequence}B`, `A${sequence}`]);

const text = (parts: readonly Uint8Array[]): string =>
  Array.from(concatBytes([new Uint8Array(0), ...parts]), (octet) => String.fromCharCode(octet)).join("");

/** The content as the relay keeps it, by way of a chunk, which may hold anything. */
function kept(body: string, words: string): StoredMessage | undefined {
  const machine = new Machine(testListener(`trusted ${words}`)).open();
  machine.receive(octets("EHLO c\r\n")).receive(octets("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n"));
  machine.receive(octets(`BDAT ${body.length} LAST\r\n${body}`));
  return machine.stored[0];
}

/** What is wrong with octets on the wire; nothing where they are canonical and say `content`. */
function fault(wire: string, content: string): string | undefined {
  if (/\r(?!\n)|(?<!\r)\n|\0/.test(wire)) return "a CR, LF or NUL alone";
  if (`\r\n${wire}`.indexOf("\r\n.\r\n") !== wire.length - 3) return "an end of data that is not the last";
  const lines = wire.slice(0, -3).split("\r\n");
  if (lines.some((line) => line.startsWith(".") && !line.startsWith(".."))) return "a dot that is not stuffed";
  const unstuffed = lines.map((line) => line.replace(/^\./, "")).join("\r\n");
  const ended = content === "" || content.endsWith("\r\n") ? content : `${content}\r\n`;
  return unstuffed === ended ? undefined : "not the content";
}

/** `content`: undefined for one of so many octets in a file. */
function inHand(prefix: string, content: Uint8Array | undefined, accepted = content?.length ?? 0): MessageInHand {
  const envelope = { from: "", identity: "", client: "", prefix, isEightBit: false, isUtf8: false, subject: "" };
  return { id: "m", receivedAt: 0, octets: accepted, envelope, content, claimedFrom: undefined, left: 1 };
}

/** From memory, in one piece. */
function wireFrom(prefix: string, content: Uint8Array): string {
  return text(outgoing(inHand(prefix, content), new MemoryFiles()).whole()!);
}

/** From a file, in these pieces. */
async function wireOf(prefix: string, pieces: readonly Uint8Array[]): Promise<string> {
  const files = new MemoryFiles();
  files.files.set("m", [...pieces]);
  const parts: Uint8Array[] = [];
  const accepted = pieces.reduce((sum, { length }) => sum + length, 0);
  for await (const some of outgoing(inHand(prefix, undefined, accepted), files).pieces()) parts.push(...some);
  return text(parts);
}

const octetWise = (content: Uint8Array): Uint8Array[] => Array.from(content, (octet) => Uint8Array.of(octet));

test.for(["", "bare_newlines=normalize"])(
  "every sequence in a chunk leaves canonical, whole and octet by octet (%s)",
  async (words) => {
    let left = 0;
    for (const body of BODIES) {
      const message = kept(body, words);
      if (message === undefined) continue;
      left++;
      const content = PREFIX + text([message.content]);
      const whole = wireFrom(PREFIX, message.content);
      expect(fault(whole, content), JSON.stringify(body)).toBeUndefined();
      expect(await wireOf(PREFIX, octetWise(message.content)), JSON.stringify(body)).toBe(whole);
    }
    expect(left).toBe(words === "" ? 32 : BODIES.length);
  },
);

test.each(["", ".", "x", "x\r", "\r\n", "\r\n.", ".\r\n", "..", "x\r\n.y"])(
  "content %j leaves with one end of data",
  async (body) => {
    const message = kept(body, "bare_newlines=normalize")!;
    const whole = wireFrom("", message.content);
    expect(fault(whole, text([message.content]))).toBeUndefined();
    expect(await wireOf("", octetWise(message.content))).toBe(whole);
  },
);

test("any content that the relay takes leaves canonical", () => {
  const piece = fc.constantFrom("\r\n", ".", "\r", "\n", "x", "\r\n.", "\0", "\xff");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, isNormalized) => {
      const message = kept(pieces.join(""), isNormalized ? "bare_newlines=normalize" : "");
      if (message === undefined) return;
      expect(fault(wireFrom(PREFIX, message.content), PREFIX + text([message.content]))).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});

test("the check notices a wire that is not canonical", () => {
  expect(fault("a\n.\r\n", "a")).toBeDefined();
  expect(fault("a\r\n.\r\nb\r\n.\r\n", "a")).toBeDefined();
  expect(fault("a\r\n.b\r\n.\r\n", "a\r\n.b")).toBeDefined();
  expect(fault("a\r\n.\r\n", "b")).toBeDefined();
  expect(fault("a\r\n..b\r\n.\r\n", "a\r\n.b\r\n")).toBeUndefined();
});
