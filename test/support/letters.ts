import { expect } from "vitest";
import { sha256 } from "./accounting-sink.ts";
import { between, seeded } from "./chance.ts";

/** A message for a foreign client to send, and for a foreign server to get: what counts is that the body is the same. */
export interface Letter {
  readonly recipient: string;
  /** Header, empty line, body; lines end in CR LF. */
  readonly message: Buffer;
  readonly bodyHash: string;
}

export const SENDER = "app@example.test";

const MiB = 1024 * 1024;
const CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:-_()";
const LINES = linePool();
const FIXED_SIZES = [0, 1, 500, 70_000, 400_000, MiB, 5 * MiB];

/** `count` letters, from an empty body to 5 MiB. */
export function letters(name: string, count: number): Letter[] {
  const chance = seeded(count + name.length);
  return Array.from({ length: count }, (_, at) => {
    const octets = FIXED_SIZES[at] ?? Math.floor(2 ** (chance() * 16));
    const lines: string[] = [];
    for (let left = octets; left > 0; left -= lines.at(-1)!.length + 2)
      lines.push(LINES[Math.floor(chance() * LINES.length)]!.slice(0, left));
    const body = lines.map((line) => `${line}\r\n`).join("");
    const recipient = `${name}.${at}@dest.test`;
    const header = [
      `From: <${SENDER}>`,
      `To: <${recipient}>`,
      `Subject: letter ${at}`,
      "Date: Thu, 1 Jan 2026 00:00:00 +0000",
      `Message-ID: <${name}.${at}@example.test>`,
    ];
    return {
      recipient,
      message: Buffer.from(`${header.join("\r\n")}\r\n\r\n${body}`),
      bodyHash: sha256(Buffer.from(body)),
    };
  });
}

/** Lines of 0 to 200 characters, some with a dot at the start. */
function linePool(): string[] {
  const chance = seeded(1);
  return Array.from({ length: 1000 }, () => {
    let line = chance() < 0.1 ? "." : "";
    for (let left = between(chance, 0, 200); left > 0; left--)
      line += CHARACTERS[Math.floor(chance() * CHARACTERS.length)];
    return line;
  });
}

/** Each letter arrived once, with the body that it was sent with. */
export function expectAll(
  sent: readonly Letter[],
  got: readonly { readonly recipient: string; readonly bodyHash: string }[],
): void {
  const inOrder = (list: readonly { readonly recipient: string; readonly bodyHash: string }[]): string[] =>
    list.map(({ recipient, bodyHash }) => `${recipient} ${bodyHash}`).toSorted();
  expect(inOrder(got)).toEqual(inOrder(sent));
}
