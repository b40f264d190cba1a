import { spawn } from "node:child_process";
import path from "node:path";
import type { Case } from "./cases.ts";
import type { Login } from "./contender.ts";

// Who brings the mail: smtp-source, which costs little, and a client of our own for what it cannot do.

export interface Load {
  readonly port: number;
  readonly messages: number;
  readonly sessions: number;
  readonly from: string;
  readonly octets: number;
  readonly recipients: number;
  readonly domains: number;
  readonly connections: Case["connections"];
  readonly login?: Login;
}

export interface LoadReport {
  /** Until the last message was acknowledged. */
  readonly seconds: number;
  /** How long messages took to be acknowledged, with their connection where each has one; smtp-source does not say. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

const OWN_SOURCE = path.join(import.meta.dirname, "load-source.ts");
const FROM = "sender@client.example";
/** What a relay does not take in this time it is too slow for. */
const TAKEN_WITHIN_MS = 600_000;

export function loadOf(
  subject: Case,
  to: { readonly port: number; readonly login: Login },
  messages: number,
  sessions: number,
): Load {
  const { octets, recipients, domains, connections } = subject;
  const load = { port: to.port, messages, sessions, from: FROM, octets, recipients, domains, connections };
  return subject.login ? { ...load, login: to.login } : load;
}

/** Throws where not every message was taken, and in time. */
export async function bring(load: Load, under: readonly string[], withinMs = TAKEN_WITHIN_MS): Promise<LoadReport> {
  const own = load.login !== undefined || load.domains > 0;
  const command = own ? [process.execPath, OWN_SOURCE, JSON.stringify(load)] : smtpSource(load);
  const [program = "", ...args] = [...under, ...command];
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], timeout: withinMs });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const name = path.basename(command[own ? 1 : 0]!);
  if (child.killed) throw new Error(`${name} was not done after ${withinMs / 1000} s`);
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  if (!own) return { seconds: (performance.now() - started) / 1000 };
  return JSON.parse(output.trim().split("\n").at(-1)!) as LoadReport;
}

function smtpSource({ port, messages, sessions, from, octets, recipients, connections }: Load): readonly string[] {
  const mail = ["-l", String(octets), "-r", String(recipients), "-f", from, "-t", "rcpt@dest.example"];
  const clients = ["-s", String(sessions), "-m", String(messages), ...(connections === "reused" ? ["-d"] : [])];
  return ["smtp-source", ...clients, ...mail, `127.0.0.1:${port}`];
}
