import { expect, test } from "vitest";
import { MemoryFiles } from "../../test/support/engine.ts";
import { concatBytes, octetText } from "../core/base/bytes.ts";
import type { ContentReader } from "../ports/content.ts";
import type { MessageInHand } from "./load.ts";
import { type Outgoing, outgoing, sevenBit } from "./pipeline.ts";

const octets = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const PREFIX = "Received: from a\r\n\tby b\r\n";
const HEADER = "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
const EIGHT_BIT = `${HEADER}.Gr\xfc\xdfe\r\n.\r\nend\r\n`;
const ON_THE_WIRE = [
  PREFIX,
  "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n",
  "..Gr=FC=DFe\r\n..\r\nend\r\n.\r\n",
];

const wanted = (): boolean => true;

function message(content: Uint8Array | undefined, accepted = content?.length ?? 0): MessageInHand {
  const envelope = {
    from: "",
    identity: "",
    client: "",
    prefix: PREFIX,
    isEightBit: true,
    isUtf8: false,
    subject: "",
  };
  return { id: "m", receivedAt: 0, octets: accepted, envelope, content, claimedFrom: undefined, left: 1 };
}

async function piecewise(message: Outgoing): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const some of message.pieces()) parts.push(...some);
  return octetText(concatBytes(parts));
}

function unstuffed(wire: string): string {
  return wire.slice(0, -3).replace(/^\./gm, "");
}

test("8-bit content in memory becomes 7-bit, with its true size, stuffed after the conversion", async () => {
  const found = await sevenBit(message(octets(EIGHT_BIT)), new MemoryFiles(), wanted);
  if (typeof found !== "object") throw new Error(found);
  const wire = octetText(concatBytes(found.whole()!));
  const [prefix, header, body] = ON_THE_WIRE;
  for (const field of header!.trim().split("\r\n")) expect(wire).toContain(field);
  expect(wire.startsWith(prefix!)).toBe(true);
  expect(wire.endsWith(`\r\n\r\n${body!}`)).toBe(true);
  expect(await piecewise(found)).toBe(wire);
  expect(found.isEightBit).toBe(false);
  expect(found.octets).toBe(unstuffed(wire).length);
});

test("content in a file is converted as it streams by, and comes out the same", async () => {
  const inMemory = await sevenBit(message(octets(EIGHT_BIT)), new MemoryFiles(), wanted);
  const files = new MemoryFiles();
  files.files.set(
    "m",
    Array.from(octets(EIGHT_BIT), (octet) => Uint8Array.of(octet)),
  );
  const found = await sevenBit(message(undefined, EIGHT_BIT.length), files, wanted);
  if (typeof found !== "object" || typeof inMemory !== "object") throw new Error("both can be converted");
  expect(found.whole()).toBeUndefined();
  expect(found.octets).toBe(inMemory.octets);
  expect(await piecewise(found)).toBe(octetText(concatBytes(inMemory.whole()!)));
});

test("what is signed cannot be converted, and says so", async () => {
  const signed = `Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n${HEADER}\xfc\r\n--b--\r\n`;
  expect(await sevenBit(message(octets(signed)), new MemoryFiles(), wanted)).toMatch(/signed/);
});

test("a file that cannot be read is an exception, for its caller to wait", async () => {
  const files = {
    create: () => {
      throw new Error("not here");
    },
    open: () => ({ read: () => Promise.reject(new Error("EIO")), close: () => undefined }),
  };
  await expect(sevenBit(message(undefined), files, wanted)).rejects.toThrow("EIO");
});

test.each([
  ["less", EIGHT_BIT, EIGHT_BIT.length + 1, `has ${EIGHT_BIT.length} of the ${EIGHT_BIT.length + 1} octets`],
  ["nothing", "", 1, "has 0 of the 1 octets"],
  ["more", EIGHT_BIT, EIGHT_BIT.length - 1, "has more than the"],
] as const)(
  "a file with %s than was accepted is not sent as if it were the message",
  async (_, found, accepted, why) => {
    const files = new MemoryFiles();
    files.files.set("m", found === "" ? [] : [octets(found)]);
    const pieces = piecewise(outgoing(message(undefined, accepted), files));
    await expect(pieces).rejects.toThrow(why);
    await expect(sevenBit(message(undefined, accepted), files, wanted)).rejects.toThrow(why);
  },
);

test("nothing more is read of what nobody wants any more", async () => {
  const files = new MemoryFiles();
  let read = 0;
  const open = (): ContentReader => ({
    read: () => {
      read++;
      return Promise.resolve(octets("line\r\n"));
    },
    close: () => undefined,
  });
  const endless = { create: (id: string) => files.create(id), open };
  expect(await sevenBit(message(undefined, 1e6), endless, () => read < 2)).toBeUndefined();
  expect(read).toBe(2);
});
