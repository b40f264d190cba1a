import { serverNameIn } from "../../../src/adapters/net/client-hello.ts";
import { type Target, holds, octetsOf, oneOf, same, textOf } from "../target.ts";

// What comes where TLS begins.

const two = (n: number): string => String.fromCharCode((n >> 8) & 255, n & 255);
const part = (text: string): string => two(text.length) + text;

function hello(extensions: string, sessionId = ""): string {
  const body = `\x03\x03${"r".repeat(32)}${String.fromCharCode(sessionId.length)}${sessionId}${part("\x13\x01")}\x01\0${part(extensions)}`;
  const handshake = `\x01\0${part(body)}`;
  return `\x16\x03\x01${part(handshake)}`;
}

const sni = (host: string): string => `\0\0${part(part(`\0${part(host)}`))}`;

const clientHello: Target = {
  name: "client-hello",
  files: ["adapters/net/client-hello.ts"],
  lengthMax: 2000,
  seeds: [
    hello(sni("mail.one.test")),
    hello(`\0\x10${part("h2")}${sni("A.test")}`, "s".repeat(32)),
    hello(""),
    hello(sni("")),
    hello(sni("x".repeat(255))),
    hello(sni("x".repeat(256))),
    hello(sni("a b")),
    "EHLO x\r\n",
    "\x16\x03\x01\xff\xff",
    "\x16\x03\x01\x40\0",
    "\x16\x03\x01\0\x02\x02\0",
    "\x16\x03\x01\x40\x01",
  ],
  tokens: [
    "\x16\x03\x01",
    "\0\0",
    "\x01\0",
    "\0\x10",
    sni("b.test"),
    "\0",
    "\xff",
    two(255),
    two(256),
    two(16_384),
    two(16_385),
  ],
  generate: (chance) =>
    hello(
      `${oneOf(chance, ["", `\0\x17${part("")}`])}${sni(oneOf(chance, ["b.test", "B.Test", "\0", "a\x7f", "~", "!", "x".repeat(255), "x".repeat(256)]))}`,
    ),
  check(input) {
    const octets = octetsOf(input);
    const found = serverNameIn(octets);
    const length = octets.length >= 5 ? octets[3]! * 256 + octets[4]! : 0;
    const isHandshake = octets[0] === 22;
    const isPossible = octets.length < 5 || (isHandshake && length <= 16_384);
    same(
      found.kind === "incomplete",
      (isPossible && octets.length < 5 + length) || octets.length < 5,
      "it waits for one record, and for no more",
    );
    if (found.kind === "incomplete") return;
    same(serverNameIn(octets.subarray(0, 5 + length)), found, "what follows the record is not looked at");
    const { host } = found;
    if (host !== undefined) {
      holds(/^[!-@[-~]{1,255}$/.test(host), "a name is plain, short and in lower case", host);
      const lower = textOf(octets).toLowerCase();
      holds(lower.includes(`\0${part(host)}`), "it stands there behind its length", host);
    }
    const plain = /^[\s\S]*?\0\0([\s\S]{2})([\s\S]{2})\0([\s\S]{2})([a-z]+\.test)$/.exec(input);
    if (plain !== null && input === hello(sni(plain[4]!))) same(host, plain[4], "a plain one is found");
    if (isHandshake && host === undefined && length <= 16_384) {
      const names = ["!", "~"].map((c) => c.repeat(255));
      for (const name of names) holds(input !== hello(sni(name)), "a name of every octet that one may have is found");
    }
  },
};

export const targets: readonly Target[] = [clientHello];
