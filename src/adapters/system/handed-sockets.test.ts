import { once } from "node:events";
import net from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { addressOf, handedSockets } from "./handed-sockets.ts";

test.each([
  ["0100007F:09DD", "127.0.0.1", 2525],
  ["00000000:0019", "0.0.0.0", 25],
  ["00000000000000000000000000000000:024B", "::", 587],
  ["00000000000000000000000001000000:01D1", "::1", 465],
  ["B80D0120000000000000000001000000:0019", "2001:db8::1", 25],
])("%s is %s, port %d", (text, host, port) => {
  expect(addressOf(text)).toEqual({ host, port });
});

test.each(["", "0100007F", "0100007F:9DD", "x100007F:09DD"])("%j is none", (text) => {
  expect(addressOf(text)).toBeUndefined();
});

test("the system's own table has where we listen", async () => {
  const server = net.createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const { port } = server.address() as net.AddressInfo;
  const environment = { LISTEN_PID: String(process.pid), LISTEN_FDS: String(fd - 2), LISTEN_FDNAMES: "x" };
  const found = handedSockets(environment, undefined);
  expect(found.find(({ descriptor }) => descriptor === fd)).toEqual({
    descriptor: fd,
    address: { host: "127.0.0.1", port },
  });
  expect(environment).toEqual({});
});

test("sockets for another process, or none, are none", () => {
  expect(handedSockets({}, undefined)).toEqual([]);
  expect(handedSockets({ LISTEN_PID: "1", LISTEN_FDS: "1" }, undefined)).toEqual([]);
  expect(handedSockets({ LISTEN_PID: "77", LISTEN_FDS: "1" }, 77)).toHaveLength(1);
  expect(handedSockets({ LISTEN_PID: String(process.pid), LISTEN_FDS: "x" }, undefined)).toEqual([]);
});
