import net, { type AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { octetsOf } from "./target.ts";
import { play } from "./targets/loopback.ts";

// What the loopback target sees of a server that says too much, or too little.

let server: net.Server | undefined;
afterEach(() => void server?.close());

/** It greets, answers to each piece as it is told, and says farewell. */
async function listen(answers: readonly string[], farewell = ""): Promise<number> {
  server = net.createServer((socket) => {
    const left = [...answers];
    socket.write("220 relay.test\r\n");
    socket.on("data", () => void socket.write(left.shift() ?? ""));
    socket.on("end", () => void socket.end(farewell));
  });
  await new Promise<void>((resolve) => void server!.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const SEGMENTS = ["EHLO client.test\r\n", "NOOP\r\nNOOP\r\n"].map(octetsOf);
const HELLO = "250-relay.test\r\n250 SIZE\r\n";

test("a server that answers each command is not blamed", async () => {
  await play(await listen([HELLO, "250 a\r\n250 b\r\n"]), SEGMENTS);
});

test.each([
  ["between two commands", [`${HELLO}250 more\r\n`, "250 a\r\n250 b\r\n"], ""],
  ["behind the last", [HELLO, "250 a\r\n250 b\r\n250 c\r\n"], ""],
  ["at the end of the session", [HELLO, "250 a\r\n250 b\r\n"], "250 c\r\n"],
])("a reply too many is a finding: %s", async (_, answers, farewell) => {
  await expect(play(await listen(answers, farewell), SEGMENTS)).rejects.toThrow(/without a question/);
});

test("a connection that ends before its last reply is a finding", async () => {
  server = net.createServer((socket) => {
    socket.end("220 relay.test\r\n");
  });
  await new Promise<void>((resolve) => void server!.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await expect(play(port, SEGMENTS.slice(0, 1))).rejects.toThrow(/an answer comes/);
});
