// A process of its own that asks a relay and reads no answer: `node readers-source.ts PORT READERS`. Prints a line of JSON when all have
// begun, and after a line on its standard input another one with what became of them.
import { once } from "node:events";
import net from "node:net";
import { foreignAddress, inParallel } from "./crowd.ts";

const [port = 0, readers = 0] = process.argv.slice(2).map(Number);

const AT_A_TIME = 50;
const WRITE_EVERY_MS = 50;
const WRITES = 16;
/** Of commands in one write: some hundred recipients, and away with them. */
const COMMANDS = `MAIL FROM:<a@example.com>\r\n${"RCPT TO:<somebody.with.a.long.name@example.net>\r\n".repeat(400)}RSET\r\n`;

/** Says EHLO, and reads nothing from then on. */
async function reader(n: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, localAddress: foreignAddress(n) });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.pause();
  socket.write("EHLO reader.test\r\n");
  return socket;
}

/** As much as the system takes at once, where the relay took what came before: it has room for megabytes of each. */
function ask(socket: net.Socket): void {
  for (let n = 0; n < WRITES && !socket.destroyed && socket.writableLength === 0; n++) socket.write(COMMANDS);
}

const sockets: net.Socket[] = [];
await inParallel(
  Array.from({ length: readers }, (_, n) => n),
  AT_A_TIME,
  async (n) => void sockets.push(await reader(n)),
);
const asking = setInterval(() => sockets.forEach(ask), WRITE_EVERY_MS);
console.log(JSON.stringify({ ready: true }));
await once(process.stdin, "data");
clearInterval(asking);
const alive = sockets.filter((socket) => !socket.destroyed);
const taken = sockets.map((socket) => socket.bytesWritten - socket.writableLength);
console.log(
  JSON.stringify({
    held: alive.filter((socket) => socket.writableLength > 0).length,
    dropped: readers - alive.length,
    takenKiB: Math.round(Math.max(...taken) / 1024),
  }),
);
process.exit(0);
