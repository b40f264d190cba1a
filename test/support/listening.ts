import net from "node:net";
import { sleep } from "./sleep.ts";

const WITHIN_MS = 30_000;
const LOOK_MS = 50;

/** Throws where nobody listens in 30 s, or who should has ended. */
export async function untilListening(port: number, endedWith: () => number | null): Promise<void> {
  for (const deadline = performance.now() + WITHIN_MS; performance.now() < deadline; await sleep(LOOK_MS)) {
    const code = endedWith();
    if (code !== null) throw new Error(`what should listen on ${port} ended with ${code}`);
    if (await isOpen(port)) return;
  }
  throw new Error(`nobody listens on ${port} after ${WITHIN_MS / 1000} s`);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
