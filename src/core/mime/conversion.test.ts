import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, octetText } from "../base/bytes.ts";
import { MIME } from "../base/limits.ts";
import { ConversionPlanner, Converter } from "./conversion.ts";

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const lines = (...all: readonly string[]): string => `${all.join("\r\n")}\r\n`;

/** The converted message, or why there is none. `step`: octets of each piece. */
function converted(message: string, step = 1 << 20): string {
  const content = latin1(message);
  const pieces = Array.from({ length: Math.ceil(content.length / step) }, (_, at) =>
    content.subarray(at * step, (at + 1) * step),
  );
  const planner = new ConversionPlanner();
  for (const piece of pieces) planner.push(piece);
  const plan = planner.end();
  if (plan.kind === "impossible") return `impossible: ${plan.why}`;
  const out: Uint8Array[] = [];
  const converter = new Converter(plan.leaves, (parts) => void out.push(...parts));
  for (const piece of pieces) converter.push(piece);
  converter.end();
  return octetText(concatBytes([new Uint8Array(0), ...out]));
}

/** A body as its header says that it is encoded. Shares nothing with the encoders. */
function decoded(message: string): string {
  const [header = "", ...rest] = message.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const encoding = /content-transfer-encoding: (\S+)/i.exec(header)?.[1];
  if (encoding === "base64") return atob(body.replaceAll("\r\n", ""));
  if (encoding !== "quoted-printable") return body;
  return body
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

test("what is 7-bit already stays as it is, to the octet", () => {
  const message = lines(
    "Subject: x",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "pre",
    "--b",
    "",
    "body",
    "--b--",
    "post",
  );
  expect(converted(message)).toBe(message);
});

test("text becomes quoted-printable", () => {
  const message = lines(
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=iso-8859-1",
    "Content-Transfer-Encoding: 8bit",
    "",
    "Gr\xfc\xdfe = 1 ",
    ".dot",
  );
  expect(converted(message)).toBe(
    lines(
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=iso-8859-1",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Gr=FC=DFe =3D 1=20",
      ".dot",
    ),
  );
});

test("what is not text becomes base64", () => {
  const body = "\x00\x01\xff\xfe".repeat(40);
  const found = converted(
    lines("MIME-Version: 1.0", "Content-Type: image/png", "Content-Transfer-Encoding: binary", "", body),
  );
  expect(found).toContain("Content-Transfer-Encoding: base64\r\n");
  expect(decoded(found)).toBe(`${body}\r\n`);
});

test("a message without MIME becomes MIME, of a charset that nobody knows", () => {
  expect(converted(lines("Subject: x", "", "caf\xe9"))).toBe(
    lines(
      "Subject: x",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=unknown-8bit",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "caf=E9",
    ),
  );
});

test("each part on its own, inside parts and inside messages; the others stay as they are", () => {
  const message = lines(
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="out er"',
    "Content-Transfer-Encoding: 8bit",
    "",
    "preamble",
    "--out er",
    "Content-Type: multipart/alternative; boundary=in",
    "",
    "--in",
    "",
    "plain",
    "--in",
    "Content-Type: text/html",
    "Content-Transfer-Encoding: 8bit",
    "",
    "<p>\xe9</p>",
    "--in--",
    "--out er",
    "Content-Type: message/rfc822",
    "Content-Transfer-Encoding: 8bit",
    "",
    "Subject: inner",
    "",
    "a caf\xe9",
    "--out er--",
    "epilogue",
  );
  const expected = message
    .replace(
      'boundary="out er"\r\nContent-Transfer-Encoding: 8bit',
      'boundary="out er"\r\nContent-Transfer-Encoding: 7bit',
    )
    .replace("text/html\r\nContent-Transfer-Encoding: 8bit", "text/html\r\nContent-Transfer-Encoding: quoted-printable")
    .replace("<p>\xe9</p>", "<p>=E9</p>")
    .replace("message/rfc822\r\nContent-Transfer-Encoding: 8bit", "message/rfc822\r\nContent-Transfer-Encoding: 7bit")
    .replace(
      "Subject: inner\r\n\r\na caf\xe9",
      "Subject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na caf=E9",
    );
  expect(converted(message)).toBe(expected);
});

test("lines of more than 998 octets are encoded too", () => {
  const body = "x".repeat(3000);
  const found = converted(lines("MIME-Version: 1.0", "Content-Type: text/plain", "", body));
  expect(Math.max(...found.split("\r\n").map((line) => line.length))).toBeLessThanOrEqual(76);
  expect(decoded(found)).toBe(`${body}\r\n`);
  const longest = lines("MIME-Version: 1.0", "", "x".repeat(998));
  expect(converted(longest)).toBe(longest);
});

test.each([
  [
    "a signature over it",
    lines(
      "Content-Type: multipart/signed; boundary=s",
      "",
      "--s",
      "",
      "caf\xe9",
      "--s",
      "Content-Type: application/pgp-signature",
      "",
      "x",
      "--s--",
    ),
    "it is signed, and would not be any more",
  ],
  [
    "a signature further out",
    lines(
      "Content-Type: multipart/signed; boundary=s",
      "",
      "--s",
      "Content-Type: multipart/mixed; boundary=m",
      "",
      "--m",
      "",
      "\xe9",
      "--m--",
      "--s--",
    ),
    "it is signed, and would not be any more",
  ],
  ["a raw header", lines("Subject: caf\xe9", "", "x"), "a header in it has characters beyond ASCII"],
  [
    "a raw header of a part",
    lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Description: \xe9", "", "x", "--b--"),
    "a header in it has characters beyond ASCII",
  ],
  [
    "something between the parts",
    lines("Content-Type: multipart/mixed; boundary=b", "", "\xe9", "--b", "", "x", "--b--"),
    "it has characters beyond ASCII between its parts",
  ],
  [
    "a part that lies about itself",
    lines("Content-Type: text/plain", "Content-Transfer-Encoding: base64", "", "\xe9"),
    "a part of it says that it is base64, and is not",
  ],
])("%s forbids it", (_, message, why) => {
  expect(converted(message)).toBe(`impossible: ${why}`);
});

test("a signed part beside a raw one: the signed one keeps its octets", () => {
  const signed = lines(
    "Content-Type: multipart/signed; boundary=s",
    "",
    "--s",
    "Content-Transfer-Encoding: 8bit",
    "",
    "plain",
    "--s--",
  );
  const message = lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "", "\xe9", "--b", `${signed}--b--`);
  expect(converted(message)).toContain(signed);
});

test("a header without end, in one line or in many, is refused and costs no memory", () => {
  const part = (header: string): string =>
    lines("Content-Type: multipart/mixed; boundary=b", "", "--b", header, "", "\xe9");
  const tooLong = `impossible: a header in it has more than ${MIME.headerOctetsMax} octets`;
  for (const step of [1 << 20, 5000]) {
    expect(converted(part(`X: ${"x".repeat(MIME.headerOctetsMax)}`), step)).toBe(tooLong);
    expect(converted(part(lines(...Array.from({ length: 60_000 }, () => "X: x"))), step)).toBe(tooLong);
  }
});

test("parts inside parts, without end, are refused and cost no memory", () => {
  const deep = Array.from({ length: 200 }, (_, at) =>
    lines(`Content-Type: multipart/mixed; boundary=b${at}`, "", `--b${at}`),
  ).join("");
  expect(converted(`${deep}\xe9`)).toContain("too deep");
});

describe("whatever a message is", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "",
      "--b",
      "--b--",
      "--c",
      "--c--",
      "Content-Type: multipart/mixed; boundary=b",
      'Content-Type: multipart/mixed; boundary="c"',
      "Content-Type: message/rfc822",
      "Content-Type: text/plain",
      "Content-Transfer-Encoding: 8bit",
      "x ",
      ".",
      "=3D",
    ),
    fc.string({ unit: fc.constantFrom("a", "\xe9", " ", "\t", "=", "-", "\0"), maxLength: 90 }),
  );
  const message = fc.array(line, { maxLength: 30 }).map((all) => lines(...all));

  test("the result is 7-bit, its lines are short, and a second conversion changes nothing", () => {
    fc.assert(
      fc.property(message, (text) => {
        const found = converted(text);
        if (found.startsWith("impossible: ")) return;
        expect(/^[\0-\x7f]*$/.test(found)).toBe(true);
        for (const one of found.split("\r\n")) expect(one.length).toBeLessThanOrEqual(998);
        expect(converted(found)).toBe(found);
      }),
      { numRuns: 500 },
    );
  });

  test("how it is cut does not matter", () => {
    fc.assert(
      fc.property(message, fc.integer({ min: 1, max: 50 }), (text, step) => {
        expect(converted(text, step)).toBe(converted(text));
      }),
      { numRuns: 500 },
    );
  });

  test("a body of any octets comes back", () => {
    const body = fc.array(fc.string({ unit: fc.constantFrom("a", "\xe9", " ", "\t", "=", "\0", "."), maxLength: 90 }));
    fc.assert(
      fc.property(body, fc.constantFrom("text/plain", "image/png"), (all, type) => {
        const text = lines(...all);
        const found = converted(lines("MIME-Version: 1.0", `Content-Type: ${type}`, "", text).slice(0, -2));
        expect(decoded(found)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});
