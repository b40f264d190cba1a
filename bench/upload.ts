// How long messages of 4 KiB take to be accepted, without and with a 50 MiB upload running beside them all the time.
//
//   npm run upload -- [--rate 200] [--seconds 15] [--rounds 3]
//
// Needs smtp-source and smtp-sink (Debian's postfix package). `rate` messages a second over ten sessions, each timed from
// MAIL to the 250; with and without in turn, on one relay with the defaults.
import { type ChildProcess, spawn } from "node:child_process";
import { seeded } from "../test/support/chance.ts";
import { RelayHome, RelayProcess } from "../test/support/relay.ts";
import { MessageFactory, SourceSession } from "../test/support/source.ts";
import { optionsOf } from "../test/support/options.ts";
import { freePort } from "../test/support/free-port.ts";

const { values: options } = optionsOf({
  usage: ["npm run upload -- [OPTIONS]"],
  options: {
    rate: { kind: "count", default: 200, help: "messages a second" },
    seconds: { kind: "count", default: 15, help: "how long each time" },
    rounds: { kind: "count", default: 3, help: "times without an upload and with one" },
  },
});
const SESSIONS = 10;
const OCTETS = 4096;
const UPLOAD_OCTETS = 50 * 1024 * 1024 - 64 * 1024; // with smtp-source's own header still within the default limit
const factory = new MessageFactory("u", seeded(1), OCTETS);

/** Times in ms of messages that are sent at a fixed rate; a session that is late sends at once. */
async function times(port: number, rate: number, seconds: number): Promise<number[]> {
  const found: number[] = [];
  const started = performance.now();
  const sender = async (at: number): Promise<void> => {
    const session = await SourceSession.connect({ port });
    const every = (1000 * SESSIONS) / rate;
    for (let due = (every * at) / SESSIONS; due < seconds * 1000; due += every) {
      const wait = started + due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const before = performance.now();
      const result = await session.send(factory.make(OCTETS, 1));
      if (result.kind !== "acknowledged") throw new Error(`a message was not accepted: ${JSON.stringify(result)}`);
      found.push(performance.now() - before);
    }
    await session.quit();
  };
  await Promise.all(Array.from({ length: SESSIONS }, (_, at) => sender(at)));
  return found;
}

function shown(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1);
  return `${values.length} messages, p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} ms`;
}

/** One upload after the other, until it is killed. */
function upload(port: number): ChildProcess {
  const args = [
    "-s",
    "1",
    "-m",
    "10000",
    "-l",
    String(UPLOAD_OCTETS),
    "-f",
    "a@client.example",
    "-t",
    "r@live.example",
  ];
  return spawn("smtp-source", [...args, `127.0.0.1:${port}`], { stdio: "ignore" });
}

async function main(): Promise<void> {
  const sinkPort = await freePort();
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { sink: { url: `smtp://127.0.0.1:${sinkPort}` } },
    routes: [{ deliver: "sink" }],
  });
  const sink = spawn("smtp-sink", ["-u", "nobody", `127.0.0.1:${sinkPort}`, "1000"], { stdio: "ignore" });
  const relay = new RelayProcess(home);
  try {
    const [port = 0] = await relay.ports();
    const { rate, seconds } = options;
    await times(port, rate, 3); // to get warm
    for (let round = 0; round < options.rounds; round++) {
      console.log(`without an upload: ${shown(await times(port, rate, seconds))}`);
      const uploadsBefore = uploaded(relay);
      const running = upload(port);
      try {
        const beside = await times(port, rate, seconds);
        console.log(
          `with one:          ${shown(beside)}; ${uploaded(relay) - uploadsBefore} uploads of 50 MiB accepted`,
        );
      } finally {
        running.kill();
      }
    }
  } finally {
    await relay.stop();
    sink.kill();
    home.remove();
  }
}

function uploaded(relay: RelayProcess): number {
  return relay.events("message.accepted").filter(({ octets }) => (octets as number) > UPLOAD_OCTETS / 2).length;
}

await main();
