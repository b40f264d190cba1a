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
  /** More memory by a line without an end, before and inside content. */
  readonly lineMiB: number;
  readonly lineGrowthMiB: number;
}

const MiB = 1024 * 1024;
const LINE = `${"x".repeat(76)}\r\n`;
const BLOCK = Buffer.from(LINE.repeat(Math.floor((64 * 1024) / LINE.length)));
const ENDLESS = Buffer.alloc(64 * 1024, "x");
/** Of 50 MiB that a message may have, some for the header. */
const EACH_MIB = 49;

export async function uploads(count: number, lineMiB: number): Promise<UploadsReport> {
  const { tree, remove } = compiledTree();
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { nowhere: { url: "smtp://127.0.0.1:9", tls: "none" } },
    routes: [{ deliver: "nowhere" }],
  });
  const relay = new RelayProcess(home, { tree });
  const memory = { most: 0 };
  const watch = setInterval(() => (memory.most = Math.max(memory.most, residentMiB(relay.pid))), 50);
  try {
    const [port = 0] = await relay.ports();
    const emptyMiB = residentMiB(relay.pid);
    memory.most = emptyMiB;
    await endless(port, lineMiB);
    const lineGrowthMiB = memory.most - emptyMiB;
    memory.most = emptyMiB;
    const replies = await Promise.all(Array.from({ length: count }, () => upload(port)));
    const acknowledged = replies.filter((reply) => reply?.startsWith("250") === true).length;
    return {
      uploads: count,
      acknowledged,
      mebibytesEach: EACH_MIB,
      emptyMiB,
      mostMiB: memory.most,
      lineMiB,
      lineGrowthMiB,
    };
  } finally {
    clearInterval(watch);
    relay.kill("SIGKILL");
    await relay.exited;
    home.remove();
    remove();
  }
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
async function upload(port: number): Promise<string | undefined> {
  const socket = await opened(port);
  for (const line of ["EHLO u.test", "MAIL FROM:<a@u.test>", "RCPT TO:<b@u.test>", "DATA"]) await say(socket, line);
  socket.write("Subject: large\r\n\r\n");
  await pour(socket, BLOCK, EACH_MIB);
  const reply = await say(socket, ".");
  socket.destroy();
  return reply;
}

/** One line without an end, as a command. The relay may hang up. */
async function endless(port: number, mebibytes: number): Promise<void> {
  const socket = await opened(port);
  await pour(socket, ENDLESS, mebibytes);
  socket.destroy();
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
