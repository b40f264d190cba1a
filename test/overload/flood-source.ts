// A process of its own that floods a relay: `node flood-source.ts PORT PER_SECOND SECONDS SLOW`. Connections that go as soon as they are
// made, and clients that say an octet every ten seconds. Prints a line of JSON at the end.
import net from "node:net";
import { foreignAddress } from "./crowd.ts";

const [port = 0, perSecond = 0, seconds = 0, slow = 0] = process.argv.slice(2).map(Number);

const TICK_MS = 10;
const SLOW_AT_A_TIME = 50;
const OCTET_MS = 10_000;
const PER_ADDRESS = 25;
const AGAIN_MS = 250;
const LOOK_MS = 500;
/** So many sit before the flood begins. */
const SEATED_SHARE = 0.9;

/** `slow`: clients that sit there, at the least of the looks at them. */
const tally = { connects: 0, established: 0, slow: slow, slowAgain: 0 };
const now = { sitting: 0 };

function connect(n: number): void {
  tally.connects++;
  const socket = net.connect({ host: "127.0.0.1", port, localAddress: foreignAddress(n) });
  socket.on("error", () => undefined);
  socket.once("connect", () => {
    tally.established++;
    // Some with RST, as a scanner leaves.
    if (n % 2 === 0) socket.resetAndDestroy();
    else socket.destroy();
  });
}

function sit(n: number): void {
  const socket = net.connect({
    host: "127.0.0.1",
    port,
    localAddress: foreignAddress(30_000 + Math.floor(n / PER_ADDRESS)),
  });
  socket.on("error", () => undefined);
  socket.on("data", () => undefined);
  let isSitting = false;
  socket.once("connect", () => {
    isSitting = true;
    now.sitting++;
  });
  const timer = setInterval(() => socket.write("E"), OCTET_MS);
  // Whoever is sent away comes again.
  socket.once("close", () => {
    clearInterval(timer);
    if (isSitting) now.sitting--;
    tally.slowAgain++;
    setTimeout(() => sit(n), AGAIN_MS);
  });
}

for (let n = 0; n < slow; n++) {
  sit(n);
  if (n % SLOW_AT_A_TIME === 0) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
}
while (now.sitting < SEATED_SHARE * slow) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
console.log(JSON.stringify({ ready: now.sitting }));
setInterval(() => (tally.slow = Math.min(tally.slow, now.sitting)), LOOK_MS);
const started = performance.now();
await new Promise<void>((resolve) => {
  let made = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
    while (made < due) connect(made++);
    if (performance.now() - started < seconds * 1000) return;
    clearInterval(timer);
    resolve();
  }, TICK_MS);
});
console.log(JSON.stringify(tally));
process.exit(0);
