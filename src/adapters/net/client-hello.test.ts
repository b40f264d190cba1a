import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { serverNameIn } from "./client-hello.ts";

/** What Node's own client says first. */
async function helloFor(servername: string | undefined): Promise<Buffer> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ host: "127.0.0.1", port, ...(servername === undefined ? {} : { servername }) });
  client.on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [net.Socket];
  const [octets] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  server.close();
  return octets;
}

test("the name that a client asks for, and none where it names none", async () => {
  expect(serverNameIn(await helloFor("Mail.One.test"))).toEqual({ kind: "known", host: "mail.one.test" });
  expect(serverNameIn(await helloFor(undefined))).toEqual({ kind: "known", host: undefined });
});

test("every beginning of it is incomplete", async () => {
  const hello = await helloFor("one.test");
  for (let length = 0; length < hello.length; length++)
    expect(serverNameIn(hello.subarray(0, length))).toEqual({ kind: "incomplete" });
});

test("what is no ClientHello has no name", () => {
  for (const text of [
    "EHLO client.test\r\n",
    "\x16\x03\x01\xff\xff",
    "\x16\x03\x01\x00\x01\x02",
    "\x16\x03\x01\x00\x00",
  ])
    expect(serverNameIn(Buffer.from(text, "latin1"))).toEqual({ kind: "known", host: undefined });
});

test("names that are none: with octets that no host name has, too long, empty", async () => {
  const hello = await helloFor("one.test");
  const at = hello.indexOf("one.test");
  for (const octet of [0, 0x20, 0x7f, 0xe9]) {
    const odd = Buffer.from(hello);
    odd[at] = octet;
    expect(serverNameIn(odd)).toEqual({ kind: "known", host: undefined });
  }
  const traversal = Buffer.from(hello);
  traversal.write("../../x/", at, "latin1");
  expect(serverNameIn(traversal)).toEqual({ kind: "known", host: "../../x/" }); // a text that no certificate is for
});

test("any octets have an answer", async () => {
  const hello = await helloFor("one.test");
  const changed = fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 8 }).map((changes) => {
    const octets = Buffer.from(hello);
    for (const [place, value] of changes) octets[place] = value;
    return octets;
  });
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), changed), (octets) => void serverNameIn(octets)));
});
