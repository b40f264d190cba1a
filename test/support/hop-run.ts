import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Cell, type Fate, type Row, fatesOf } from "./broken-hops.ts";
import { type Certificate, selfSigned } from "./certificates.ts";
import { PATIENCE_MS } from "./patience.ts";
import { RelayHome, RelayProcess, TREE } from "./relay.ts";
import { mimeFaults, parseReport } from "./report-reader.ts";
import { ScriptedHost } from "./scripted-host.ts";
import { SourceSession } from "./source.ts";

// One relay with a route to one broken next hop for each row of a table, and the judgement of what became of the mail.

export interface Judgement {
  readonly recipients: number;
  readonly ends: Readonly<Record<Fate, number>>;
  readonly reports: number;
  /** Said to be delivered, and the host did not take it. */
  readonly wrongSuccesses: readonly string[];
  /** Told of as failed without a refusal, not told of, or told twice. */
  readonly wrongReports: readonly string[];
  /** Another end than the table's. */
  readonly wrongEnds: readonly string[];
  /** What else must not be: content that nobody asked for, passwords in clear, too many attempts, words without a bound. */
  readonly faults: readonly string[];
}

interface Entry {
  readonly recipient: string;
  readonly outcome: Fate;
  readonly reply: string;
  readonly note: string;
}

interface Hop {
  readonly row: Row;
  readonly domain: string;
  readonly host: ScriptedHost;
  readonly fates: readonly Fate[];
}

const SENDER = "app@senders.test";
const PASSWORD = "correcthorse";
const SESSIONS = 20;
const BODY_MARK = "this is the body";
/** Characters of a reply that are kept, with code, cause, and what stands between the lines. */
const REPLY_MAX = 4096 + 100 * 3 + 100;
/**
 * A recipient is tried again once, after seconds; a site that is blocked is probed meanwhile, a few times more where the
 * machine is slow. What goes in circles does so hundreds of times.
 */
const RETRY = { schedule: ["3s", "1h"] };
const ATTEMPTS_MAX = 10;
const CONNECTIONS_MAX = 25;
/** `AUTH`, and what answers its challenges, of one connection. */
const AUTH_LINES_MAX = 6;

const certificate: Certificate = selfSigned("localhost", "DNS:localhost,IP:127.0.0.1");

export async function runCell(cell: Cell, rows: readonly Row[], tree = TREE): Promise<Judgement> {
  const hops = await Promise.all(rows.map((row, n) => startHop(row, n, cell)));
  const senders = await ScriptedHost.start();
  const home = new RelayHome();
  configure(home, cell, hops, senders.port);
  const relay = new RelayProcess(home, { tree });
  try {
    const [port = 0] = await relay.ports();
    await send(port, hops);
    await ended(home, hops, senders);
    await relay.stop();
    return judge(cell, hops, senders, historyOf(home), relay.lines);
  } finally {
    relay.kill("SIGKILL");
    await relay.exited;
    await Promise.all([senders, ...hops.map(({ host }) => host)].map((host) => host.close()));
    home.remove();
  }
}

async function startHop(row: Row, n: number, cell: Cell): Promise<Hop> {
  const keywords = [...(cell.isPipelined ? ["PIPELINING"] : []), ...(row.keywords ?? ["ENHANCEDSTATUSCODES"])];
  const host = await ScriptedHost.start({
    keywords,
    script: row.script(cell),
    ...(cell.isTls ? { certificate } : {}),
  });
  return { row, domain: `row${n}.test`, host, fates: fatesOf(row, cell) };
}

function configure(home: RelayHome, { isTls }: Cell, hops: readonly Hop[], sendersPort: number): void {
  home.write("authority.pem", certificate.certificate);
  const smarthosts: Record<string, unknown> = {
    senders: { url: `smtp://127.0.0.1:${sendersPort}`, tls: "none" },
  };
  const routes: unknown[] = [
    { when: { recipient: "@senders.test" }, deliver: "senders" },
    { when: { recipient: "@elsewhere.test" }, deliver: "senders" },
  ];
  for (const [n, { row, domain, host }] of hops.entries()) {
    const hasLogin = row.hasLogin === true;
    const tls = isTls || hasLogin ? { tls: "verify", tls_ca: "./authority.pem" } : { tls: "none" };
    smarthosts[`row${n}`] = { url: `smtp://${hasLogin ? `user:${PASSWORD}@` : ""}127.0.0.1:${host.port}`, ...tls };
    routes.push({ when: { recipient: `@${domain}` }, deliver: `row${n}` });
  }
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts,
    routes,
    retry: RETRY,
    threads: 2,
  });
}

const paths = ({ domain, fates }: Hop): string[] => fates.map((_, n) => `r${n + 1}@${domain}`);

/** Over several sessions: each message waits for the disk. */
async function send(port: number, hops: readonly Hop[]): Promise<void> {
  const left = [...hops];
  const sendSome = async (): Promise<void> => {
    const session = await SourceSession.connect({ port });
    for (let hop = left.shift(); hop !== undefined; hop = left.shift()) {
      const line = `${BODY_MARK} ${"x".repeat(60)}\r\n`;
      const body = line.repeat(Math.ceil((hop.row.octets ?? 1) / line.length));
      const content = Buffer.from(`From: <${SENDER}>\r\nSubject: ${hop.domain}\r\n\r\n${body}`);
      const sent = await session.send({ id: "", from: SENDER, recipients: paths(hop), content, hash: "" });
      if (sent.kind !== "acknowledged") throw new Error(`${hop.row.what}: ${JSON.stringify(sent)}`);
    }
    await session.quit();
  };
  await Promise.all(Array.from({ length: SESSIONS }, sendSome));
}

/** Until every recipient was tried, those that are to get there at last have, and reports stopped coming. */
async function ended(home: RelayHome, hops: readonly Hop[], senders: ScriptedHost): Promise<void> {
  const wanted = hops.flatMap((hop) => paths(hop).map((recipient, n) => [recipient, hop.fates[n]!] as const));
  const failed = wanted.filter(([, fate]) => fate === "failed").length;
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = new Set(historyOf(home).flatMap(({ recipient, outcome }) => [recipient, `${outcome} ${recipient}`]));
    const missing = wanted.filter(
      ([recipient, fate]) => !seen.has(fate === "delivered" ? `delivered ${recipient}` : recipient),
    );
    const told = senders.messages.flatMap(({ content }) => toldIn(content)).length;
    if (missing.length === 0 && told >= failed) return;
    // What does not come is for the judge.
    if (performance.now() > deadline) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function toldIn(content: string): string[] {
  return [...content.matchAll(/^Final-Recipient: rfc822; (\S+)\r$/gm)].map(([, recipient]) => recipient!);
}

function historyOf(home: RelayHome): Entry[] {
  const folder = path.join(home.data, "history");
  const days = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".db")) : [];
  return days.flatMap((name) => {
    const database = new DatabaseSync(path.join(folder, name), { readOnly: true });
    try {
      database.exec("PRAGMA busy_timeout = 5000");
      const hasBegun = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'attempt'").get() !== undefined;
      if (!hasBegun) return [];
      return database.prepare("SELECT recipient, outcome, reply, note FROM attempt").all() as unknown as Entry[];
    } finally {
      database.close();
    }
  });
}

function judge(
  cell: Cell,
  hops: readonly Hop[],
  senders: ScriptedHost,
  history: readonly Entry[],
  log: readonly string[],
): Judgement {
  const byRecipient = Map.groupBy(history, ({ recipient }) => recipient);
  const told = senders.messages.flatMap(({ content }) => toldIn(content));
  const ends = { delivered: 0, deferred: 0, failed: 0 };
  const found = { wrongSuccesses: [] as string[], wrongReports: [] as string[], wrongEnds: [] as string[] };
  const faults: string[] = [];
  for (const hop of hops) {
    const taken = new Set(hop.host.recipients());
    for (const [n, recipient] of paths(hop).entries()) {
      const entries = byRecipient.get(recipient) ?? [];
      const of = (fate: Fate): number => entries.filter(({ outcome }) => outcome === fate).length;
      const end = of("delivered") > 0 ? "delivered" : of("failed") > 0 ? "failed" : "deferred";
      const name = `${hop.row.what} (${recipient}): ${entries.map(({ outcome, reply }) => `${outcome} ${reply.slice(0, 80)}`).join("; ")}`;
      if (entries.length > 0) ends[end]++;
      if (of("delivered") > 0 && (!taken.has(recipient) || hop.fates[n] !== "delivered"))
        found.wrongSuccesses.push(name);
      if (end !== hop.fates[n] || entries.length === 0 || of("delivered") + of("failed") > 1)
        found.wrongEnds.push(name);
      const reports = told.filter((other) => other === recipient).length;
      if (reports !== (hop.fates[n] === "failed" ? 1 : 0)) found.wrongReports.push(`${reports} reports: ${name}`);
      const isInDoubt = entries.some(({ note }) => note === "possible-duplicate");
      if (hop.row.isInDoubt !== "maybe" && isInDoubt !== (hop.row.isInDoubt ?? false))
        faults.push(`${isInDoubt ? "" : "not "}in doubt: ${name}`);
      if (entries.length > ATTEMPTS_MAX) faults.push(`${entries.length} attempts: ${name}`);
      if (entries.some(({ reply }) => reply.length > REPLY_MAX)) faults.push(`a long reply is kept: ${hop.row.what}`);
    }
    faults.push(...faultsOf(hop, cell).map((fault) => `${fault}: ${hop.row.what}`));
  }
  faults.push(...unsafe(senders, log));
  return { recipients: hops.flatMap(paths).length, ends, reports: senders.messages.length, ...found, faults };
}

function faultsOf({ host, row }: Hop, { isTls }: Cell): string[] {
  const { heard, connections } = host;
  const faults: string[] = [];
  const isAuth = /^AUTH|^(dXNlcg==|Y29ycmVjdGhvcnNl|AHVzZXIAY29ycmVjdGhvcnNl)$/;
  if (row.neverHears !== undefined && heard.some(({ line }) => row.neverHears!.test(line)))
    faults.push("heard too much");
  if (connections > CONNECTIONS_MAX) faults.push(`${connections} connections`);
  if (heard.some(({ line }) => line.includes(BODY_MARK))) faults.push("content without 354");
  if (heard.some((told) => isAuth.test(told.line) && !told.isTls)) faults.push("a password in clear");
  if (heard.filter(({ line }) => isAuth.test(line)).length > connections * AUTH_LINES_MAX)
    faults.push("AUTH again and again");
  if ((isTls || row.hasLogin === true) && heard.some(({ line, isTls: was }) => line.startsWith("MAIL") && !was))
    faults.push("mail in clear");
  return faults;
}

/** Reports and log lines that a server's words could spoil. */
function unsafe(senders: ScriptedHost, log: readonly string[]): string[] {
  const faults: string[] = [];
  for (const { from, content } of senders.messages) {
    if (from !== "") faults.push(`a message to another address: ${content.slice(0, 100)}`);
    const report = Buffer.from(content.slice(content.indexOf("From: Mail delivery")), "latin1");
    parseReport(report);
    faults.push(...mimeFaults(report));
    if (/[\0-\x08\x0b\x0c\x0e-\x1f\x7f\u202e]/.test(report.toString("utf8")))
      faults.push("control characters in a report");
  }
  for (const line of log) {
    if (/[\0-\x1f\x7f-\x9f\u202e]/.test(line)) faults.push(`control characters in the log: ${line}`);
    if (line.includes(PASSWORD)) faults.push("a password in the log");
  }
  return faults;
}
