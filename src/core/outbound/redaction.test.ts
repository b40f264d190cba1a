import { describe, expect, test } from "vitest";
import { utf8 } from "../base/bytes.ts";
import { encodeBase64 } from "../smtp/sasl.ts";
import { Redaction } from "./redaction.ts";

test("a server that quotes what we sent shows no password", () => {
  const credentials = { username: "us", password: "SmartSecret" };
  const quoted = [
    "5.7.8 bad: AUTH PLAIN AHVzAFNtYXJ0U2VjcmV0",
    "5.7.8 unknown command U21hcnRTZWNyZXQ=",
    "5.7.8 no SmartSecret here",
  ];
  const reply = { kind: "reply", code: 535, status: "5.7.8", lines: quoted } as const;
  const shown = new Redaction(credentials).clear(reply).lines.join("\n");
  expect(shown).not.toMatch(/AHVzAFNt|U21hcnRT|SmartSecret/);
  expect(shown.match(/\[redacted\]/g)).toHaveLength(3);
});

describe("a password is found however it is quoted", () => {
  const credentials = { username: "us", password: "Sm\u00e4rt+Secret?>" };
  const octets = utf8(credentials.password);
  const base64 = encodeBase64(octets);
  const whole = encodeBase64(utf8(`\0us\0${credentials.password}`));
  const hex = Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
  const forUrls = (text: string): string => text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const said = (...lines: readonly string[]): readonly string[] =>
    new Redaction(credentials).clearAll({ kind: "reply", code: 535, status: "5.7.8", lines }).lines;

  test.each([
    ["base64 without padding", base64.replace(/=+$/, "")],
    ["base64 for URLs", forUrls(base64)],
    ["the whole response, for URLs", forUrls(whole)],
    ["base64 with a space in it", base64.replace(/^.{5}/, "$& ")],
    ["hex", hex],
    ["hex in upper case", hex.toUpperCase()],
    ["percent-encoded", encodeURIComponent(credentials.password)],
    ["each octet percent-encoded", hex.replaceAll(/../g, "%$&")],
    ["base64, percent-encoded", encodeURIComponent(base64)],
    ["spaces between its characters", credentials.password.split("").join(" ")],
    ["a tab in it", credentials.password.replace("+", "\t+")],
  ])("%s", (_, quoted) => {
    expect(said("5.7.8 refused", `5.7.8 bad ${quoted} here`)).toEqual([
      "5.7.8 refused",
      expect.stringMatching(/^5\.7\.8 (?:bad )?\[redacted\](?: here)?$/),
    ]);
  });

  test.each([["5.7.8 "], [""]])("broken over lines that begin with %j", (status) => {
    expect(said(`${status}bad ${whole.slice(0, 9)}`, `${status}${whole.slice(9)} here`)).toEqual([
      `${status}[redacted]`,
      `${status}[redacted]`,
    ]);
  });

  test("what has none stays the same, also with a password that is in every text", () => {
    const reply = { kind: "reply", code: 250, status: "2.1.0", lines: ["2.1.0 ok", "2.1.0 100% of it"] } as const;
    expect(new Redaction(credentials).clearAll(reply)).toBe(reply);
    expect(new Redaction({ username: "u", password: "o k" }).clearAll(reply)).toBe(reply);
    expect(new Redaction({ username: "u", password: "ok" }).clearAll(reply)).toBe(reply);
    const hexOfOk = { ...reply, lines: ["2.1.0 6f6b"] };
    expect(new Redaction({ username: "u", password: "ok" }).clearAll(hexOfOk)).toBe(hexOfOk);
  });
});
