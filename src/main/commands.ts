import { ask } from "../adapters/control-socket/client.ts";
import { loadConfig } from "../adapters/config-file/load.ts";
import { checkNamedFiles } from "../adapters/config-file/named-files.ts";
import { HistoryReader } from "../adapters/history-sqlite/history-reader.ts";
import { QueueReader } from "../adapters/store-sqlite/queue-reader.ts";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { hasHidden, printable } from "../core/base/printable.ts";
import { parseMailbox } from "../core/mail/path.ts";
import { unreachable } from "../core/base/invariant.ts";
import type { Config } from "../core/config/config.ts";
import { parseSmartHostUrl } from "../core/config/values.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import type { MessageReport, QueuePage, StatusReport } from "../engine/operator.ts";
import { CommandFailure, EXIT } from "../surfaces/cli/failure.ts";
import { messageLines, outcomeLine, queueLines, sinkLines, statusLines } from "../surfaces/cli/pages.ts";
import type { Commands, DataOptions, SendOptions } from "../surfaces/cli/program.ts";
import { dataPaths } from "./plan.ts";
import { ProcessLog } from "./process-log.ts";
import { run } from "./run.ts";
import { sendTestMessage } from "./send.ts";
import { SinkFolder } from "./sink.ts";
import { StoreOperator } from "./store-operator.ts";
import { TRY_DATA, tryMode } from "./try-mode.ts";
import { VERSION } from "./version.ts";

interface Loaded {
  readonly config: Config;
  readonly source: string;
  readonly warnings: readonly string[];
}

async function load(explicit: string | undefined): Promise<Loaded> {
  const loaded = await loadConfig({
    explicit,
    environment: process.env,
    folder: process.cwd(),
    systemName: os.hostname(),
  });
  switch (loaded.kind) {
    case "loaded":
      return loaded;
    case "invalid":
      throw invalid(loaded.errors);
    case "nowhere":
      throw new CommandFailure(
        `there is no configuration; looked in: ${loaded.places.join(", ")}
Name a file with --config FILE or WAYPOST_CONFIG, or set WAYPOST_RELAYHOST=smtp://USER:PASSWORD@HOST:587 to do without one
To see Waypost at work first: waypost try`,
        EXIT.config,
      );
    default:
      return unreachable(loaded);
  }
}

function invalid(errors: readonly string[]): CommandFailure {
  return new CommandFailure(`the configuration is not valid\n${errors.join("\n")}`, EXIT.config);
}

/** With a look at the files that it names, for whoever is about to run it. */
async function loadWhole(explicit: string | undefined): Promise<Loaded> {
  const loaded = await load(explicit);
  const { errors, warnings } = await checkNamedFiles(loaded.config, Date.now());
  if (errors.length > 0) throw invalid(errors);
  return { ...loaded, warnings: [...loaded.warnings, ...warnings] };
}

async function start(options: { readonly config?: string }): Promise<void> {
  const { config, source, warnings } = await loadWhole(options.config);
  console.error(`waypost ${VERSION}: configuration from ${source}`);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  await run(config, new ProcessLog(config.logs.level), {
    port: () => "stop it, or change `listeners[].listen`",
    folder: "stop it, or choose another `data` folder",
  });
}

async function configCheck(options: { readonly config?: string }): Promise<void> {
  const { source, warnings } = await loadWhole(options.config);
  for (const warning of warnings) console.log(`warning: ${warning}`);
  console.log(`${source}: valid${warnings.length === 0 ? "" : `, ${warnings.length} to look at`}`);
}

/** The data folder: named, or try mode's where there is no configuration. */
async function dataFolder(options: DataOptions): Promise<string> {
  if (options.data !== undefined) return path.resolve(options.data);
  if (options.config === undefined) {
    const loaded = await loadConfig({ environment: process.env, folder: process.cwd(), systemName: os.hostname() });
    if (loaded.kind === "nowhere" && fs.existsSync(TRY_DATA)) return path.resolve(TRY_DATA);
  }
  return (await load(options.config)).config.data;
}

/** From the relay that runs there; where none does, from its store on disk. */
async function query<Answer>(
  options: DataOptions,
  request: string,
  read: (operator: StoreOperator) => Answer,
): Promise<Answer | null> {
  const folder = await dataFolder(options);
  const paths = dataPaths(folder);
  const answer = await asked(paths.socket, request);
  if (answer !== undefined) return answer as Answer | null;
  if (!fs.existsSync(paths.queue))
    throw new CommandFailure(`there is no queue in ${folder}; name the data folder with --data`, EXIT.unavailable);
  try {
    return readStopped(paths, read) ?? null;
  } catch (error) {
    throw new CommandFailure(
      `${paths.queue} or ${paths.history} cannot be read: ${errorText(error)}`,
      EXIT.unavailable,
    );
  }
}

function readStopped<Answer>(paths: ReturnType<typeof dataPaths>, read: (operator: StoreOperator) => Answer): Answer {
  const facts = { version: VERSION, startedAt: 0, config: { hostname: "", listeners: [] } };
  const reader = new QueueReader(paths.queue);
  try {
    return read(new StoreOperator(facts, reader, new HistoryReader(paths.history)));
  } finally {
    reader.close();
  }
}

/** Undefined where no relay runs. */
async function asked(socket: string, request: string): Promise<unknown> {
  try {
    return await ask(socket, request);
  } catch (error) {
    throw new CommandFailure(`the relay at ${socket} does not answer: ${errorText(error)}`, EXIT.unavailable);
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function print(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}

export const commands: Commands = {
  version: VERSION,
  start,
  tryMode,
  configCheck,
  async queueList(options) {
    const request = `/queue?limit=${options.limit}${options.after === undefined ? "" : `&after=${encodeURIComponent(options.after)}`}`;
    const page = await query<QueuePage>(options, request, (operator) =>
      operator.list({ limit: options.limit, after: options.after }),
    );
    if (options.json === true) console.log(JSON.stringify(page));
    else print(queueLines(page!, Date.now()));
  },
  async queueShow(id, options) {
    const found = await query<MessageReport | undefined>(options, `/queue/${encodeURIComponent(id)}`, (operator) =>
      operator.show(id),
    );
    if (found === null || found === undefined)
      throw new CommandFailure(`no message ${id} in the queue or in history`, EXIT.failed);
    if (options.json === true) console.log(JSON.stringify(found));
    else print(messageLines(found, Date.now()));
  },
  async status(options) {
    const folder = await dataFolder(options);
    const report = (await asked(dataPaths(folder).socket, "/status")) as StatusReport | null | undefined;
    if (report === undefined || report === null)
      throw new CommandFailure(`no relay runs on ${folder}`, EXIT.unavailable);
    if (options.json === true) console.log(JSON.stringify(report));
    else print(statusLines(report, Date.now()));
  },
  send,
  async sinkList(options) {
    const messages = new SinkFolder(path.join(await dataFolder(options), "sink")).list();
    if (options.json === true) console.log(JSON.stringify(messages));
    else print(sinkLines(messages));
  },
  async sinkShow(id, options) {
    const content = new SinkFolder(path.join(await dataFolder(options), "sink")).read(id);
    if (content === undefined) throw new CommandFailure(`the sink has no message ${id}`, EXIT.failed);
    process.stdout.write(content);
  },
};

async function send(options: SendOptions): Promise<void> {
  const password = process.env["WAYPOST_SEND_PASSWORD"];
  if (options.username !== undefined && password === undefined)
    throw new CommandFailure("put the password into WAYPOST_SEND_PASSWORD", EXIT.config);
  for (const address of [options.from, ...options.to]) {
    const found = parseMailbox(address);
    if (found.kind === "malformed")
      throw new CommandFailure(`${printable(address)} is no address: ${found.why}`, EXIT.usage);
  }
  if (hasHidden(options.subject)) throw new CommandFailure("--subject: a subject is one line of text", EXIT.usage);
  const parsed = parseSmartHostUrl(/^smtps?:/i.test(options.server) ? options.server : `smtp://${options.server}`);
  if ("kind" in parsed) throw new CommandFailure(`--server: ${parsed.why}`, EXIT.config);
  const credentials = options.username === undefined ? undefined : { username: options.username, password: password! };
  const site: SmartHost = {
    name: "send",
    host: parsed.host,
    port: parsed.port,
    isImplicitTls: parsed.isImplicitTls,
    tls: credentials !== undefined || options.tlsCa !== undefined ? "verify" : "opportunistic",
    credentials,
    authorities: options.tlsCa === undefined ? [] : [fs.readFileSync(options.tlsCa, "utf8")],
  };
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-send-"));
  try {
    const results = await sendTestMessage(
      site,
      { hostname: os.hostname(), from: options.from, to: options.to, subject: options.subject },
      scratch,
    );
    for (const { recipient, outcome } of results) console.log(outcomeLine(recipient, outcome));
    if (results.some(({ outcome }) => outcome.kind !== "delivered")) process.exitCode = EXIT.failed;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
