import { once } from "node:events";
import net from "node:net";
import { compiledTree } from "../support/compiled.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { nextText } from "./crowd.ts";
import { residentMiB } from "./process-facts.ts";

// Many large messages at once, and input without an end: what they cost in memory.

export interface UploadsReport {
  readonly uploads: number;
  readonly acknowledged: number;
  readonly mebibytesEach: number;
  readonly emptyMiB: number;
  readonly mostMiB: number;
  /** What was offered of each of these without an end. */
  readonly endlessMiB: number;
  readonly commandLine: Endless;
  readonly contentLine: Endless;
  readonly header: Endless;
  /** Of a next hop, to EHLO. */
  readonly reply: Endless;
}

export interface Endless {
  /** What the relay took until it hung up, or all. */
  readonly takenMiB: number;
  /** Memory that it took more. */
  readonly growthMiB: number;
}

const MiB = 1024 * 1024;
const LINE = `${"x".repeat(76)}\r\n`;
const BLOCK = Buffer.from(LINE.repeat(Math.floor((64 * 1024) / LINE.length)));
const ONE_LINE = Buffer.alloc(64 * 1024, "x");
const FIELDS = Buffer.from("X-Field: value\r\n".repeat(4096));
const REPLY = Buffer.from("250-x\r\n".repeat(9362));
const DATA = ["EHLO u.test", "MAIL FROM:<a@u.test>", "RCPT TO:<b@u.test>", "DATA"];
/** Of 50 MiB that a message may have, some for the header. */
const EACH_MIB = 49;
const WARM_MIB = 16;
/** What has no end would cost memory each time; what the collector has not got round to does not. */
const TRIES = 3;

export async function uploads(count: number, endlessMiB: number): Promise<UploadsReport> {
  const { tree, remove } = compiledTree();
  const home = new RelayHome();
  const talker = await startTalker();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: {
      nowhere: { url: "smtp://127.0.0.1:9", tls: "none" },
      talker: { url: `smtp://127.0.0.1:${talker.port}`, tls: "none" },
    },
    routes: [{ when: { recipient: "@talker.test" }, deliver: "talker" }, { deliver: "nowhere" }],
  });
  const relay = new RelayProcess(home, { tree });
  const memory = { most: 0 };
  const watch = setInterval(() => (memory.most = Math.max(memory.most, residentMiB(relay.pid))), 50);
  try {
    const [port = 0] = await relay.ports();
    const emptyMiB = residentMiB(relay.pid);
    await upload(port, WARM_MIB); // the heap of a thread that never had content has not its size yet
    const grown = async (pourOut: (mebibytes: number) => Promise<number>): Promise<Endless> => {
      await pourOut(WARM_MIB);
      const tries: Endless[] = [];
      for (let n = 0; n < TRIES; n++) {
        const before = residentMiB(relay.pid);
        memory.most = before;
        const takenMiB = await pourOut(endlessMiB);
        tries.push({ takenMiB, growthMiB: memory.most - before });
      }
      return tries.toSorted((one, other) => one.growthMiB - other.growthMiB)[0]!;
    };
    const endless = (said: readonly string[], block: Buffer): Promise<Endless> =>
      grown((mebibytes) => pourAll(port, said, block, mebibytes));
    const commandLine = await endless([], ONE_LINE);
    const contentLine = await endless([...DATA, "Subject: one line\r\n"], ONE_LINE);
    const header = await endless(DATA, FIELDS);
    const reply = await grown((mebibytes) => talker.answer(mebibytes, () => sendTalker(port)));
    memory.most = emptyMiB;
    const replies = await Promise.all(Array.from({ length: count }, () => upload(port, EACH_MIB)));
    const acknowledged = replies.filter((reply) => reply?.startsWith("250") === true).length;
    return {
      uploads: count,
      acknowledged,
      mebibytesEach: EACH_MIB,
      emptyMiB,
      mostMiB: memory.most,
      endlessMiB,
      commandLine,
      contentLine,
      header,
      reply,
    };
  } finally {
    clearInterval(watch);
    relay.kill("SIGKILL");
    await relay.exited;
    talker.close();
    home.remove();
    remove();
  }
}

interface Talker {
  readonly port: number;
  /** So many MiB in answer to what `work` has the relay send; answers what the relay took. */
  answer(mebibytes: number, work: () => Promise<void>): Promise<number>;
  close(): void;
}

/** A next hop whose answer to EHLO has no end. */
async function startTalker(): Promise<Talker> {
  const waiting: ((socket: net.Socket) => void)[] = [];
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined); // `close` follows
    socket.write("220 talker.test\r\n");
    socket.once("data", () => waiting.shift()?.(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    async answer(mebibytes, work) {
      const asked = new Promise<net.Socket>((resolve) => waiting.push(resolve));
      await work();
      const socket = await asked;
      await pour(socket, REPLY, mebibytes);
      return takenOf(socket);
    },
    close: () => void server.close(),
  };
}

/** A message for the talker; the relay has taken it then. */
async function sendTalker(port: number): Promise<void> {
  const socket = await opened(port);
  const envelope = ["EHLO u.test", "MAIL FROM:<a@u.test>", "RCPT TO:<b@talker.test>", "DATA"];
  for (const line of [...envelope, "Subject: small\r\n\r\nx\r\n."]) await say(socket, line);
  socket.destroy();
}

/** MiB that the other end took, with what the system has in hand. */
function takenOf(socket: net.Socket): number {
  return (socket.bytesWritten - socket.writableLength) / MiB;
}

async function opened(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port });
  socket.on("error", () => undefined); // `close` follows
  await nextText(socket);
  return socket;
}

async function say(socket: net.Socket, line: string): Promise<string | undefined> {
  socket.write(`${line}\r\n`);
  return nextText(socket);
}

/** The reply to its end; undefined where the connection is gone. */
async function upload(port: number, mebibytes: number): Promise<string | undefined> {
  const socket = await opened(port);
  for (const line of DATA) await say(socket, line);
  socket.write("Subject: large\r\n\r\n");
  await pour(socket, BLOCK, mebibytes);
  const reply = await say(socket, ".");
  socket.destroy();
  return reply;
}

/** So many octets of it, or until the relay hangs up. Answers how many MiB the relay took. */
async function pourAll(port: number, said: readonly string[], block: Buffer, mebibytes: number): Promise<number> {
  const socket = await opened(port);
  for (const line of said) socket.write(`${line}\r\n`);
  await pour(socket, block, mebibytes);
  socket.destroy();
  return takenOf(socket);
}

async function pour(socket: net.Socket, block: Buffer, mebibytes: number): Promise<void> {
  for (let left = mebibytes * MiB; left > 0 && !socket.destroyed; left -= block.length)
    if (!socket.write(block)) await drained(socket);
}

/** It takes more, or is gone. */
function drained(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      socket.off("drain", over).off("close", over);
      resolve();
    };
    socket.on("drain", over).on("close", over);
  });
}
