import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { second } from "../../core/base/time.ts";
import { ask, lastAnsweredBy } from "./client.ts";
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
  count: (query: object) => query,
  show: (id: string) => {
    if (id !== ID) return undefined;
    throw new Error("the disk has a hole");
  },
  act: (request: unknown) => Promise.resolve({ did: request }),
  reload: (request: unknown) => Promise.resolve({ reloaded: request }),
  import: () => Promise.resolve({}),
  prune: (request: unknown) => ({ pruned: request }),
  pause: () => Promise.resolve({ kind: "wrong", refused: "no such lane" }),
};

test("answers come back; what is not there is null; what fails says so, and the next question is answered", async () => {
  const server = new SocketServer(file, ANSWERS, () => undefined, "1.2.3");
  server.listen();
  try {
    await expect.poll(() => ask(file, "/status")).toEqual({ waiting: 1 });
    expect(await ask(file, "/queue?limit=7&after=x")).toEqual({ limit: 7, after: "x", filter: {} });
    const filter = { lane: "smarthost/a", sender: "@b.example", recipientDomain: "c", state: "held", reply: "a&b" };
    const parameters = new URLSearchParams(filter).toString();
    expect(await ask(file, `/queue?${parameters}`)).toEqual({ limit: 50, filter });
    const place = { action: "cancel", after: "7", counted: "6" };
    expect(await ask(file, `/queue/counts?${parameters}&action=cancel&after=7&counted=6`)).toEqual({
      filter,
      ...place,
    });
    expect(await ask(file, "/queue/counts?action=drop")).toEqual({ filter: {} });
    expect(await ask(file, "/queue/0abcdefABCDEF2")).toBeNull();
    expect(await ask(file, "/nothing")).toBeNull();
    expect(lastAnsweredBy()).toBe("1.2.3");
    await expect(ask(file, `/queue/${ID}`)).rejects.toThrow("the disk has a hole");
    expect(await ask(file, "/status")).toEqual({ waiting: 1 });
  } finally {
    await server.close(0);
  }
});

test("where nobody listens the answer is undefined", async () => {
  expect(await ask(file, "/status")).toBeUndefined();
});

test("a socket that cannot be made is told, and is no exception", async () => {
  for (const gone of ["gone", "x".repeat(200)]) {
    const told = new Promise<string>((resolve) => {
      new SocketServer(path.join(folder, gone, "control.sock"), ANSWERS, resolve, "1.2.3").listen();
    });
    expect(await told).toMatch(/ENOENT|EACCES/);
  }
});

test("a folder with a path of any length has a socket, which goes when it is closed", async () => {
  const long = path.join(folder, "x".repeat(200), "y".repeat(100));
  fs.mkdirSync(long, { recursive: true });
  const there = path.join(long, "control.sock");
  expect(await ask(there, "/status")).toBeUndefined();
  expect(await ask(path.join(long, "gone", "control.sock"), "/status")).toBeUndefined();
  const descriptors = (): number => fs.readdirSync("/proc/self/fd").length;
  const before = descriptors();
  for (let n = 0; n < 2; n++) {
    fs.writeFileSync(there, ""); // as if left by another process
    const server = new SocketServer(there, ANSWERS, () => undefined, "1.2.3");
    server.listen();
    await expect.poll(() => ask(there, "/status")).toEqual({ waiting: 1 });
    expect(fs.statSync(there).mode & 0o777).toBe(0o600);
    await server.close(0);
    await expect.poll(descriptors).toBeLessThanOrEqual(before);
    expect(fs.existsSync(there)).toBe(false);
  }
});

test("what is to be done goes with a body; a refusal is an answer; a body too long is none", async () => {
  const server = new SocketServer(file, ANSWERS, () => undefined, "1.2.3");
  server.listen();
  try {
    await expect.poll(() => ask(file, "/queue/actions", { action: "hold" })).toEqual({ did: { action: "hold" } });
    expect(await ask(file, "/pauses", {})).toEqual({ kind: "wrong", refused: "no such lane" });
    expect(await ask(file, "/history/prunes", {})).toEqual({ pruned: {} });
    expect(await ask(file, "/status", {})).toBeNull();
    expect(await ask(file, "/queue/actions")).toBeNull();
    await expect(ask(file, "/pauses", { target: "x".repeat(20_000) })).rejects.toThrow("too long");
    expect(await ask(file, "/queue/actions", [])).toEqual({ did: [] });
  } finally {
    await server.close(0);
  }
});

test("who is served when it closes gets the answer; what takes too long is cut off, and its end is waited for", async () => {
  const asked = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<object>();
  const server = new SocketServer(
    file,
    {
      ...ANSWERS,
      import: () => {
        asked.resolve();
        return taken.promise;
      },
    },
    () => undefined,
    "1.2.3",
  );
  server.listen();
  await expect.poll(() => ask(file, "/status")).toEqual({ waiting: 1 });
  const answer = ask(file, "/queue/imports", Readable.from(["x"], { objectMode: false }));
  await asked.promise;
  let isClosed = false;
  const closing = server.close(10 * second).then(() => (isClosed = true));
  expect(await ask(file, "/status")).toBeUndefined();
  expect(isClosed).toBe(false);
  taken.resolve({ messages: 1 });
  expect(await answer).toEqual({ messages: 1 });
  await closing;

  let ended: unknown;
  const slow = new SocketServer(
    file,
    {
      ...ANSWERS,
      import: async (body) => {
        try {
          for await (const piece of body) void piece;
        } catch (error) {
          await sleep(20); // as a commit that was under way
          ended = error;
        }
        return {};
      },
    },
    () => undefined,
    "1.2.3",
  );
  slow.listen();
  await expect.poll(() => ask(file, "/status")).toEqual({ waiting: 1 });
  const endless = new PassThrough();
  endless.write("x");
  const cut = expect(ask(file, "/queue/imports", endless)).rejects.toThrow(/socket hang up|ECONNRESET|EPIPE/);
  await expect.poll(() => endless.readableLength).toBe(0);
  await slow.close(200);
  expect(ended).toBeInstanceOf(Error);
  await cut;
});
