import { type Chance, between, seeded } from "./chance.ts";
import { SENDER } from "./letters.ts";
import type { Signer } from "./signatures.ts";
import type { SourceMessage } from "./source.ts";

// Letters of all kinds that mail servers have to carry: what is in their bodies, who sends them, and to whom.

export const MiB = 1024 * 1024;
const FIXED_SIZES = [0, 1, 500, 70_000, 400_000, MiB, 5 * MiB];
const BEYOND_ASCII = Buffer.from(Array.from({ length: 128 }, (_, at) => 0x80 + at));

/** Lines of 0 to 200 octets and of 998, with dots in front, alone, and double; half of the letters beyond ASCII. */
function bodyOf(octets: number, isEightBit: boolean, chance: Chance): Buffer {
  const lines: Buffer[] = [];
  for (let left = octets; left > 0;) {
    const drawn = chance();
    const wanted = drawn < 0.05 ? 998 : drawn < 0.1 ? between(chance, 0, 2) : between(chance, 0, 200);
    const line = Buffer.alloc(Math.min(wanted, left));
    for (let at = 0; at < line.length; at++)
      line[at] =
        isEightBit && chance() < 0.3 ? BEYOND_ASCII[Math.floor(chance() * 128)]! : 0x20 + Math.floor(chance() * 0x5f);
    if (chance() < 0.1) line.fill(".", 0, Math.min(line.length, between(chance, 1, 2)));
    lines.push(line, Buffer.from("\r\n"));
    left -= line.length + 2;
  }
  return Buffer.concat(lines);
}

/** Local parts: as everybody's, quoted, with a quote in the quotes, in UTF-8. */
const LOCAL_PARTS = [
  (name: string) => name,
  (name: string) => name,
  (name: string) => `"quoted ${name}"`,
  (name: string) => `"qu\\"oted.${name}"`,
  (name: string) => `grün.${name}`,
];

const SENDERS = [SENDER, SENDER, "", '"quoted sender"@example.test', "größe@example.test"];

export interface Letter extends SourceMessage {
  readonly body: Buffer;
}

export function letterOf(name: string, at: number, body: Buffer, fields: readonly string[], chance: Chance): Letter {
  const count = at % 50 === 7 ? 100 : between(chance, 1, 3);
  const recipients = Array.from({ length: count }, (_, n) => {
    const localPart = LOCAL_PARTS[Math.floor(chance() * LOCAL_PARTS.length)]!;
    return `${localPart(`${name}.${at}.${n}`)}@dest.test`;
  });
  const from = SENDERS[Math.floor(chance() * SENDERS.length)]!;
  const header = [
    `From: <${SENDER}>`,
    `Subject: letter ${at}`,
    "Date: Thu, 1 Jan 2026 00:00:00 +0000",
    `Message-ID: <${name}.${at}@example.test>`,
    ...fields,
  ];
  const isUtf8 = [from, ...recipients].some((path) => /[^ -~]/.test(path));
  return {
    id: `${name}.${at}`,
    from,
    recipients,
    content: Buffer.concat([Buffer.from(`${header.join("\r\n")}\r\n\r\n`), body]),
    hash: "",
    parameters: isUtf8 ? "BODY=8BITMIME SMTPUTF8" : "BODY=8BITMIME",
    body,
  };
}

/** A part with eight bits, dots in front, blanks at the end of a line: what a signature would not survive. */
export const SIGNED_PART = Buffer.from(
  "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße \r\n.\r\n..dots\r\n-- \r\nnobody\r\n",
);

/** `count` letters, the last two of them signed. */
export function lettersFor(name: string, count: number, seed: number, signer: Signer): Letter[] {
  const chance = seeded(seed);
  const plain = Array.from({ length: count - 2 }, (_, at) => {
    const octets = FIXED_SIZES[at] ?? Math.floor(2 ** (chance() * 14));
    return letterOf(name, at, bodyOf(octets, chance() < 0.5, chance), [], chance);
  });
  const signed = [signer.smime(SIGNED_PART), signer.pgp(SIGNED_PART)].map((message, at) => {
    const end = message.indexOf("\r\n\r\n");
    const fields = message.subarray(0, end).toString().split("\r\n");
    return letterOf(name, count - 2 + at, message.subarray(end + 4), fields, chance);
  });
  return [...plain, ...signed];
}

/** Signed as above, in 7 bits. */
export const SEVEN_BIT_PART = Buffer.from(
  SIGNED_PART.toString("latin1")
    .replaceAll(/[^\0-\x7f]/g, "u")
    .replace("8bit", "7bit"),
  "latin1",
);

/** What no encoding leaves as it is. */
export const TEXT = "Grüße, naïve façade: ЖЗИ 漢字\r\n.dot\r\n..\r\nblanks at the end \t \r\nan = sign=3D\r\n";

export function partOf(fields: readonly string[], body: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`${fields.join("\r\n")}\r\n\r\n`), Buffer.from(body)]);
}

/** A MIME part with its header: leaves of all encodings, parts in parts, messages in messages. */
export function randomPart(chance: Chance, depth: number): Buffer {
  const noise = (octets: number): Buffer => bodyOf(octets, true, chance);
  const base64 = (octets: Buffer): string => `${(octets.toString("base64").match(/.{1,76}/g) ?? []).join("\r\n")}\r\n`;
  const leaves = [
    () => partOf(["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"], TEXT),
    () => partOf(["Content-Type: text/html; charset=iso-8859-1", "Content-Transfer-Encoding: 8BIT"], noise(2000)),
    () => partOf(["Content-Type: text/plain", "Content-Transfer-Encoding: 7bit"], "plain\r\n\r\n.\r\n"),
    () => partOf(["Content-Transfer-Encoding: 8bit", 'Content-Disposition: attachment; filename="x.txt"'], TEXT),
    () => partOf(["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"], base64(noise(900))),
    () =>
      partOf(
        ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"],
        "Gr=C3=BC\r\n",
      ),
    () => partOf(["Content-Type: application/x-data;", "\tname=d", "Content-Transfer-Encoding: 8bit"], noise(3000)),
  ];
  if (depth === 0 || chance() < 0.4) return leaves[Math.floor(chance() * leaves.length)]!();
  if (chance() < 0.25)
    return partOf(
      ["Content-Type: message/rfc822", "Content-Transfer-Encoding: 8bit"],
      Buffer.concat([Buffer.from("Subject: inside\r\nMIME-Version: 1.0\r\n"), randomPart(chance, depth - 1)]),
    );
  const boundary = `b${Math.floor(chance() * 1e9)}`;
  const parts = Array.from({ length: between(chance, 1, 3) }, () =>
    Buffer.concat([Buffer.from(`\r\n--${boundary}\r\n`), randomPart(chance, depth - 1)]),
  );
  const preamble = chance() < 0.5 ? "" : "a preamble\r\n";
  return partOf(
    [`Content-Type: multipart/${chance() < 0.5 ? "mixed" : "alternative"}; boundary=${boundary}`],
    Buffer.concat([Buffer.from(preamble), ...parts, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  );
}

/** A letter to one recipient whose header goes on with that of `part`. */
export function mimeLetter(at: number, part: Buffer): Letter {
  const name = `mime.${at}`;
  const end = part.indexOf("\r\n\r\n");
  const fields = ["MIME-Version: 1.0", ...part.subarray(0, end).toString("latin1").split("\r\n")];
  const letter = letterOf(name, at, part.subarray(end + 4), [...new Set(fields)], () => 0);
  return { ...letter, recipients: [`${name}@dest.test`], parameters: "BODY=8BITMIME" };
}
