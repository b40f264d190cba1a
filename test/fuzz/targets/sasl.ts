import {
  decodeBase64,
  encodeBase64,
  parsePlain,
  passwordOf,
  plainResponse,
  usernameOf,
} from "../../../src/core/smtp/sasl.ts";
import { type Target, holds, holdsNoHidden, octetsOf, oneOf, same, some, textOf } from "../target.ts";

// What stands in a login.

const BASE64 = [
  "AHVzZXIAcGFzcw==",
  "YQ==",
  "YWI=",
  "YWJj",
  "=",
  "====",
  "YR==",
  "YWF=",
  "A",
  "+/+/",
  "Y Q=",
  "YQ=\u00e4",
];
const LOGINS = [
  "\0user\0pass",
  "user\0user\0pass",
  "other\0user\0pass",
  "\0\0",
  "\0u\0",
  "\0\0p",
  "\0a\0b\0c",
  "\0\xc3\xa4\0p",
  "\0\xff\0p",
  "\0a\x07\0p",
];

const sasl: Target = {
  name: "sasl",
  files: ["core/smtp/sasl.ts"],
  lengthMax: 4000,
  seeds: [...BASE64, ...LOGINS],
  tokens: [...BASE64, ...LOGINS, "\0", "=", "==", "e\u0301", "\xe2\x80\x8b", "x".repeat(256)],
  generate: (chance) => (chance() < 0.5 ? oneOf(chance, LOGINS) : some(chance, 6, () => oneOf(chance, BASE64))),
  check(text) {
    // The oracle: what another decoder makes of it comes back as this very text (RFC 4648 sections 3.3 and 3.5).
    const decoded = decodeBase64(text);
    const other = /^[\0-\x7f]*$/.test(text) ? Buffer.from(text, "base64") : undefined;
    const isStrict = other !== undefined && other.toString("base64") === text;
    same(decoded !== undefined, isStrict, "base64 is taken where it is that");
    if (decoded !== undefined) same(encodeBase64(decoded), text, "encoded again it is the same");
    const octets = octetsOf(text);
    same(encodeBase64(octets), Buffer.from(octets).toString("base64"), "another encoder says the same");
    const username = usernameOf(octets);
    if (username !== undefined) {
      holdsNoHidden(username, "a user name");
      holds(username !== "" && octets.length <= 4 * 256, "a user name is bounded", username.length);
      same(username, username.normalize("NFC"), "in one form");
    }
    const password = passwordOf(octets);
    holds(
      password === undefined || (password !== "" && password.length <= 1024 && !password.includes("\0")),
      "a password is one",
    );
    checkPlain(octets);
  },
};

function checkPlain(octets: Uint8Array): void {
  const plain = parsePlain(octets);
  const parts = textOf(octets).split("\0");
  if (plain === undefined) {
    const isPlain = parts.length === 3 && parts.slice(1).every((part) => /^[ -~]{1,200}$/.test(part));
    holds(!isPlain, "a plain response is one", parts);
    return;
  }
  const { attempt, isAsAnother } = plain;
  same(parts.length, 3, "it has three parts");
  same(Buffer.from(attempt.password).toString("latin1"), parts[2], "the password is the third");
  if (/^[ -~]*$/.test(parts[1]!)) same(attempt.username, parts[1], "the user name is the second");
  if (parts[0] === "" || parts[0] === parts[1]) same(isAsAnother, false, "who is himself is no other");
  else if (/^[ -~]*$/.test(parts[0]!)) same(isAsAnother, parts[0] !== attempt.username, "who is another is told");
  const again = parsePlain(decodeBase64(plainResponse(attempt))!);
  same(again, { attempt, isAsAnother: false }, "what a client sends is what was meant");
}

export const targets: readonly Target[] = [sasl];
