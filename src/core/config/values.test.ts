import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseListen, parseServer, parseSmartHostUrl } from "./values.ts";

describe("listen", () => {
  test.each([
    ["0.0.0.0:587", { host: "0.0.0.0", port: 587 }],
    ["[::]:25", { host: "::", port: 25 }],
    ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
  ])("%s", (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });

  test.each([
    "",
    ":25",
    "25",
    "localhost:25",
    ":::25",
    "::1",
    "[127.0.0.1]:25",
    "0.0.0.0",
    "0.0.0.0:",
    "0.0.0.0:65536",
    "0.0.0.0:025",
    "0.0.0.0:25 ",
  ])("%j is none", (text) => {
    expect(parseListen(text)).toHaveProperty("why", "expected an address and a port, such as 0.0.0.0:587 or [::]:587");
  });
});

describe("smart host URLs", () => {
  const plain = { isImplicitTls: false, credentials: undefined };

  test.each([
    ["smtp://relay.example", { ...plain, host: "relay.example", port: 25 }],
    ["SMTP://Relay.Example:2525", { ...plain, host: "relay.example", port: 2525 }],
    ["smtp://192.0.2.1", { ...plain, host: "192.0.2.1", port: 25 }],
    ["smtp://[2001:db8::1]:26", { ...plain, host: "2001:db8::1", port: 26 }],
    ["smtps://relay.example", { ...plain, host: "relay.example", port: 465, isImplicitTls: true }],
    ["smtp://bücher.example", { ...plain, host: "xn--bcher-kva.example", port: 25 }],
    [
      "smtp://app%40example.com:p%3Aw%2F%25%C3%A4@relay.example",
      {
        host: "relay.example",
        port: 587,
        isImplicitTls: false,
        credentials: { username: "app@example.com", password: "p:w/%ä" },
      },
    ],
  ])("%s", (text, expected) => {
    expect(parseSmartHostUrl(text)).toEqual(expected);
  });

  const encoding = "user name and password have to be percent-encoded (@ is %40, : is %3A, / is %2F, % is %25)";
  test.each([
    ["", "expected smtp://HOST or smtps://HOST"],
    ["relay.example", "expected smtp://HOST or smtps://HOST"],
    ["http://relay.example", "expected smtp://HOST or smtps://HOST"],
    ["smtp://", "the host has to be a name, an IPv4 address or an IPv6 address in brackets"],
    ["smtp://2001:db8::1", "the host has to be a name, an IPv4 address or an IPv6 address in brackets"],
    ["smtp://1.2.3", "the host has to be a name, an IPv4 address or an IPv6 address in brackets"],
    ["smtp://relay.example:0", "the port has to be 1 to 65535"],
    ["smtp://relay.example:x", "the port has to be 1 to 65535"],
    ["smtp://user@relay.example", "the user name needs a password: USER:PASSWORD@HOST"],
    ["smtp://:@relay.example", "user name and password may not be empty"],
    ["smtp://u@x:p@relay.example", encoding],
    ["smtp://u:p:q@relay.example", encoding],
    ["smtp://u:50%@relay.example", encoding],
    ["smtp://u:ä@relay.example", encoding],
    ["smtp://u:%ff@relay.example", encoding],
    ["smtp://u:p%0D%0Aq@relay.example", "user name and password may not hold control or invisible characters"],
    ["smtp://u:p\r\n@relay.example", "the URL has control or invisible characters"],
    ["smtp://relay.example\n", "the URL has control or invisible characters"],
  ])("%j: %s", (text, why) => {
    expect(parseSmartHostUrl(text)).toEqual({ kind: "malformed", why });
  });

  test.each([
    "smtp://relay.example/",
    "smtp://relay.example?x=1",
    "smtp://u:p/q@relay.example",
    "smtp://relay.example#",
  ])("%s has a path, query or fragment", (text) => {
    expect(parseSmartHostUrl(text)).toHaveProperty("why", expect.stringMatching(/^the URL ends after host and port/));
  });

  test("whatever user name and password are, encoded they come through", () => {
    const visible = fc.stringMatching(/^[!-~äöß€]{1,40}$/);
    fc.assert(
      fc.property(visible, visible, (username, password) => {
        const encoded = [username, password].map(encodeURIComponent).join(":");
        expect(parseSmartHostUrl(`smtp://${encoded}@relay.example`)).toHaveProperty("credentials", {
          username,
          password,
        });
      }),
    );
  });

  test("a refusal never repeats the password", () => {
    fc.assert(
      fc.property(fc.constantFrom("x y", "/", "?", ":", "%", "@", "\n"), (bad) => {
        const parsed = parseSmartHostUrl(`smtp://user:kept-secret${bad}kept-secret@relay..example`);
        expect(JSON.stringify(parsed)).not.toContain("kept-secret");
      }),
    );
  });
});

test.each([
  ["127.0.0.1:2525", "smtp://127.0.0.1:2525"],
  ["[::1]:2525", "smtp://[::1]:2525"],
  ["mail.example.com", "smtp://mail.example.com"],
  ["mail.example.com:465", "smtps://mail.example.com:465"],
  ["user:pass@mail.example.com:587", "smtp://user:pass@mail.example.com:587"],
  ["smtps://mail.example.com", "smtps://mail.example.com"],
])("the server %s of a command is %s", (text, url) => {
  expect(parseSmartHostUrl(url)).not.toHaveProperty("kind");
  expect(parseServer(text)).toEqual(parseSmartHostUrl(url));
});

test.each([
  ["::1:2525", "the host has to be a name, an IPv4 address or an IPv6 address in brackets"],
  ["mail.example.com:0", "the port has to be 1 to 65535"],
  ["http://mail.example.com", "expected smtp://HOST or smtps://HOST"],
])("the server %s of a command is refused", (text, why) => {
  expect(parseServer(text)).toEqual({ kind: "malformed", why });
});
