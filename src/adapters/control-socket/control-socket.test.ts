import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ask } from "./client.ts";
import { SocketServer } from "./server.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-socket-"));
  file = path.join(folder, "control.sock");
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

const ID = "0abcdefABCDEF1";
const ANSWERS = {
  status: () => ({ waiting: 1 }),
  list: (query: object) => query,
  show: (id: string) => {
    if (id !== ID) return undefined;
    throw new Error("the disk has a hole");
  },
  act: (request: unknown) => Promise.resolve({ did: request }),
  reload: (request: unknown) => Promise.resolve({ reloaded: request }),
  pause: () => Promise.resolve({ kind: "wrong", refused: "no such lane" }),
};

test("answers come back; what is not there is null; what fails says so, and the next question is answered", async () => {
  const server = new SocketServer(file, ANSWERS, () => undefined);
  server.listen();
  try {
    await expect.poll(() => ask(file, "/status")).toEqual({ waiting: 1 });
    expect(await ask(file, "/queue?limit=7&after=x")).toEqual({ limit: 7, after: "x", isHeld: false, filter: {} });
    expect(await ask(file, "/queue?held=true&lane=smarthost/a&sender=%40b.example&recipient-domain=c")).toEqual({
      limit: 50,
      isHeld: true,
      filter: { lane: "smarthost/a", sender: "@b.example", recipientDomain: "c" },
    });
    expect(await ask(file, "/queue/0abcdefABCDEF2")).toBeNull();
    expect(await ask(file, "/nothing")).toBeNull();
    await expect(ask(file, `/queue/${ID}`)).rejects.toThrow("the disk has a hole");
    expect(await ask(file, "/status")).toEqual({ waiting: 1 });
  } finally {
    server.close();
  }
});

test("where nobody listens the answer is undefined", async () => {
  expect(await ask(file, "/status")).toBeUndefined();
});

test("a socket that cannot be made is told, and is no exception", async () => {
  const told = new Promise<string>((resolve) => {
    new SocketServer(path.join(folder, "x".repeat(200)), ANSWERS, resolve).listen();
  });
  expect(await told).toMatch(/EINVAL|ENAMETOOLONG/);
});

test("what is to be done goes with a body; a refusal is an answer; a body too long is none", async () => {
  const server = new SocketServer(file, ANSWERS, () => undefined);
  server.listen();
  try {
    await expect.poll(() => ask(file, "/queue/actions", { action: "hold" })).toEqual({ did: { action: "hold" } });
    expect(await ask(file, "/pauses", {})).toEqual({ kind: "wrong", refused: "no such lane" });
    expect(await ask(file, "/status", {})).toBeNull();
    expect(await ask(file, "/queue/actions")).toBeNull();
    await expect(ask(file, "/pauses", { target: "x".repeat(20_000) })).rejects.toThrow("too long");
    expect(await ask(file, "/queue/actions", [])).toEqual({ did: [] });
  } finally {
    server.close();
  }
});
