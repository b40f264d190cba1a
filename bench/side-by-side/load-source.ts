// A process that brings mail, for what smtp-source cannot: logins over STARTTLS, and domains that take turns.
// `node load-source.ts JSON`; the last line it prints is JSON: seconds, and how long messages took to be acknowledged.
import { SourceSession } from "../../test/support/source.ts";
import { domainName } from "./contender.ts";
import type { Load, LoadReport } from "./load.ts";

const load = JSON.parse(process.argv[2]!) as Load;
const content = Buffer.from(contentOf(load.octets));
const times: number[] = [];
let next = 0;

function contentOf(octets: number): string {
  const header = `From: <${load.from}>\r\nSubject: a message of the benchmark\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n`;
  const line = `${"x".repeat(78)}\r\n`;
  return header + line.repeat(Math.max(1, Math.ceil((octets - header.length) / line.length)));
}

function recipientsOf(n: number): readonly string[] {
  const domain = load.domains === 0 ? "dest.example" : domainName(n % load.domains);
  return Array.from({ length: load.recipients }, (_, at) => `${at}rcpt@${domain}`);
}

function connect(): Promise<SourceSession> {
  const { port, login } = load;
  if (login === undefined) return SourceSession.connect({ port });
  return SourceSession.connect({ port, tls: "starttls", auth: { mechanism: "PLAIN", ...login } });
}

async function send(session: SourceSession, n: number): Promise<void> {
  const message = { id: String(n), from: load.from, recipients: recipientsOf(n), content, hash: "" };
  const result = await session.send(message);
  if (result.kind !== "acknowledged" || result.refusals.length > 0)
    throw new Error(`message ${n} was not taken: ${JSON.stringify(result)}`);
}

/** One after the other, as long as there are any. */
async function client(): Promise<void> {
  let session: SourceSession | undefined;
  while (next < load.messages) {
    const n = next++;
    const before = performance.now();
    session ??= await connect();
    await send(session, n);
    times.push(performance.now() - before);
    if (load.connections === "reused") continue;
    await session.quit();
    session = undefined;
  }
  await session?.quit();
}

const started = performance.now();
await Promise.all(Array.from({ length: load.sessions }, client));
const seconds = (performance.now() - started) / 1000;
const sorted = times.toSorted((a, b) => a - b);
const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1]!;
const report: LoadReport = { seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
console.log(JSON.stringify(report));
