import { ask } from "../adapters/control-socket/client.ts";
import { type LoadedConfig, loadConfig } from "../adapters/config-file/load.ts";
import { checkNamedFiles } from "../adapters/config-file/named-files.ts";
import { HistoryReader } from "../adapters/history-sqlite/history-reader.ts";
import { QueueReader } from "../adapters/store-sqlite/queue-reader.ts";
import { warnOfSources } from "../adapters/system/own-addresses.ts";
import { warnOfTranslation } from "../adapters/system/gateways.ts";
import { SystemClock } from "../adapters/system/clock.ts";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { hasHidden, printable } from "../core/base/printable.ts";
import { parseMailbox } from "../core/mail/path.ts";
import { unreachable } from "../core/base/invariant.ts";
import type { Config } from "../core/config/config.ts";
import { parseSmartHostUrl } from "../core/config/values.ts";
import { FREE_TERMS } from "../core/routing/site-terms.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import type { QueueAction } from "../core/queue/action.ts";
import { type SelectionTexts, parseSelection } from "../core/queue/selection.ts";
import type {
  ActionReport,
  ActionRequest,
  MessageReport,
  PauseChange,
  PauseRequest,
  QueuePage,
  Refusal,
  StatusReport,
} from "../engine/operator.ts";
import { StoreOperator } from "../engine/store-operator.ts";
import { CommandFailure, EXIT } from "../surfaces/cli/failure.ts";
import {
  actionLines,
  messageLines,
  outcomeLine,
  pauseLines,
  queueLines,
  sinkLines,
  statusLines,
} from "../surfaces/cli/pages.ts";
import {
  type Commands,
  type DataOptions,
  type QueueListOptions,
  type SelectionOptions,
  type SendOptions,
  TRY_DATA,
} from "../surfaces/cli/program.ts";
import { dataPaths } from "./plan.ts";
import { ProcessLog } from "./process-log.ts";
import { run } from "./run.ts";
import { sendTestMessage } from "./send.ts";
import { SinkFolder } from "./sink.ts";
import { tryMode } from "./try-mode.ts";
import { VERSION } from "./version.ts";

type Loaded = Extract<LoadedConfig, { kind: "loaded" }>;

function find(explicit: string | undefined): Promise<LoadedConfig> {
  return loadConfig({ explicit, environment: process.env, folder: process.cwd(), systemName: os.hostname() });
}

async function load(explicit: string | undefined): Promise<Loaded> {
  const loaded = await find(explicit);
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
  const { errors, warnings } = await verdictOn(loaded);
  if (errors.length > 0) throw invalid(errors);
  return { ...loaded, warnings };
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

async function configCheck(options: { readonly config?: string; readonly json?: boolean }): Promise<void> {
  if (options.json === true) return configCheckJson(options.config);
  const { config, source, warnings } = await loadWhole(options.config);
  for (const warning of warnings) console.log(`warning: ${warning}`);
  for (const note of notesOn(config)) console.log(`note: ${note}`);
  console.log(`${source}: valid${warnings.length === 0 ? "" : `, ${warnings.length} to look at`}`);
}

/** What is as it should be, and still good to know before it is missed. */
function notesOn(config: Config): readonly string[] {
  if (config.postmaster !== undefined) return [];
  return ["mail for <postmaster> is refused, and nobody hears of reports that fail: postmaster is not set"];
}

async function configCheckJson(explicit: string | undefined): Promise<void> {
  const loaded = await find(explicit);
  const { errors, warnings } = await verdictOn(loaded);
  const valid = errors.length === 0;
  const source = loaded.kind === "loaded" ? loaded.source : null;
  const notes = loaded.kind === "loaded" ? notesOn(loaded.config) : [];
  console.log(JSON.stringify({ valid, source, errors, warnings, notes }));
  if (!valid) process.exitCode = EXIT.config;
}

async function verdictOn(
  loaded: LoadedConfig,
): Promise<{ readonly errors: readonly string[]; readonly warnings: readonly string[] }> {
  switch (loaded.kind) {
    case "loaded": {
      const { config, nameOf } = loaded;
      const { errors, warnings } = await checkNamedFiles(config, Date.now(), nameOf);
      const ofSystem = [...warnOfSources(config), ...warnOfTranslation(config, nameOf)];
      return { errors, warnings: [...loaded.warnings, ...warnings, ...ofSystem] };
    }
    case "invalid":
      return { errors: loaded.errors, warnings: [] };
    case "nowhere":
      return { errors: [`there is no configuration; looked in: ${loaded.places.join(", ")}`], warnings: [] };
    default:
      return unreachable(loaded);
  }
}

/** The data folder: named, or try mode's where there is no configuration. */
async function dataFolder(options: DataOptions): Promise<string> {
  if (options.data !== undefined) return path.resolve(options.data);
  if (options.config === undefined) {
    const loaded = await find(undefined);
    if (loaded.kind === "nowhere" && fs.existsSync(TRY_DATA)) return path.resolve(TRY_DATA);
  }
  return (await load(options.config)).config.data;
}

/** Undefined where no relay runs on the folder. */
async function askRelay(folder: string, request: string, body?: unknown): Promise<unknown> {
  try {
    return await ask(dataPaths(folder).socket, request, body);
  } catch (error) {
    throw new CommandFailure(`the relay on ${folder} cannot be asked: ${errorText(error)}`, EXIT.unavailable);
  }
}

/** From the relay that runs there; where none does, from its store on disk. */
async function query<Answer>(
  options: DataOptions,
  request: string,
  read: (operator: StoreOperator) => Answer,
): Promise<Answer | null> {
  const folder = await dataFolder(options);
  const paths = dataPaths(folder);
  const answer = await askRelay(folder, request);
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

/** What only a relay that runs can do: it is the one writer of its store. */
async function tell<Answer extends object>(folder: string, request: string, body: unknown): Promise<Answer> {
  const answer = (await askRelay(folder, request, body)) as Answer | Refusal | null | undefined;
  if (answer === undefined)
    throw new CommandFailure(
      `no relay runs on ${folder}: only a relay that runs changes its queue; start it, or name its data folder with --data`,
      EXIT.unavailable,
    );
  if (answer === null)
    throw new CommandFailure(
      `the relay that runs on ${folder} is too old for this command; restart it`,
      EXIT.unavailable,
    );
  return accepted(answer);
}

function accepted<Answer extends object>(answer: Answer | Refusal): Answer {
  if (!("refused" in answer)) return answer;
  const codes = { wrong: EXIT.usage, nothing: EXIT.failed, failed: EXIT.temporary };
  throw new CommandFailure(printable(answer.refused), codes[answer.kind]);
}

/** Until all of it is done: an action on many deliveries takes more than one request. */
async function actOnQueue(folder: string, action: QueueAction, selection: SelectionTexts): Promise<ActionReport> {
  let changed = 0;
  let inHand = 0;
  let hasMatch = false;
  for (let after: string | undefined; ;) {
    const request: ActionRequest = { action, selection, after, hasMatch };
    const report = await tell<ActionReport>(folder, "/queue/actions", request);
    changed += report.changed;
    inHand += report.inHand;
    ({ after, hasMatch } = report);
    if (after === undefined) return { ...report, changed, inHand };
  }
}

function selectionOf(id: string | undefined, options: SelectionOptions): SelectionTexts {
  const { recipient, lane, sender, recipientDomain, all } = options;
  return {
    ...(id === undefined ? {} : { id }),
    ...(recipient === undefined ? {} : { recipient }),
    ...(lane === undefined ? {} : { lane }),
    ...(sender === undefined ? {} : { sender }),
    ...(recipientDomain === undefined ? {} : { recipientDomain }),
    ...(all === undefined ? {} : { all }),
  };
}

function listPath({ limit, after, held, lane, sender, recipientDomain }: QueueListOptions): string {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (after !== undefined) parameters.set("after", after);
  if (held === true) parameters.set("held", "true");
  if (lane !== undefined) parameters.set("lane", lane);
  if (sender !== undefined) parameters.set("sender", sender);
  if (recipientDomain !== undefined) parameters.set("recipient-domain", recipientDomain);
  return `/queue?${parameters.toString()}`;
}

function readStopped<Answer>(paths: ReturnType<typeof dataPaths>, read: (operator: StoreOperator) => Answer): Answer {
  const facts = { version: VERSION, startedAt: 0, config: { hostname: "", listeners: [] } };
  const reader = new QueueReader(paths.queue);
  try {
    const history = new HistoryReader(paths.history);
    const space = (): { freeOctets: number; neededOctets: number } => ({ freeOctets: 0, neededOctets: 0 }); // for status only
    return read(new StoreOperator({ facts, queue: reader, history, clock: new SystemClock(), space }));
  } finally {
    reader.close();
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function sinkFolder(data: string): SinkFolder {
  const folder = path.join(path.resolve(data), "sink");
  if (!fs.existsSync(folder))
    throw new CommandFailure(
      `there is no sink in ${path.resolve(data)}; \`waypost try\` keeps one in its data folder, which --data names`,
      EXIT.unavailable,
    );
  return new SinkFolder(folder);
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
    const { limit, after, held } = options;
    const filter = selectionOf(undefined, options);
    const answer = await query<QueuePage | Refusal>(options, listPath(options), (operator) =>
      operator.list({ limit, after, isHeld: held === true, filter }),
    );
    const page = accepted(answer!);
    const isFiltered = held === true || Object.keys(filter).length > 0;
    if (options.json === true) console.log(JSON.stringify(page));
    else print(queueLines(page, Date.now(), isFiltered));
  },
  async queueShow(id, options) {
    const found = await query<MessageReport | undefined>(options, `/queue/${encodeURIComponent(id)}`, (operator) =>
      operator.show(id),
    );
    if (found === null || found === undefined)
      throw new CommandFailure(`no message ${id} in the queue or in history`, EXIT.failed);
    if (options.json === true) console.log(JSON.stringify(found));
    else print(messageLines(found, Date.now(), options.transcript === true));
  },
  async queueAct(action, id, options) {
    const selection = selectionOf(id, options);
    const parsed = parseSelection(selection);
    if ("wrong" in parsed) throw new CommandFailure(printable(parsed.wrong), EXIT.usage);
    const { changed, inHand, hasMatch, nearest } = await actOnQueue(await dataFolder(options), action, selection);
    const done = { changed, inHand, hasMatch, ...(nearest === undefined ? {} : { nearest }) };
    if (options.json === true) console.log(JSON.stringify({ action, ...done }));
    else print(actionLines(action, done));
  },
  async pause(target, isPaused, options) {
    const request: PauseRequest = { target, isPaused };
    const change = await tell<PauseChange>(await dataFolder(options), "/pauses", request);
    if (options.json === true) console.log(JSON.stringify(change));
    else print(pauseLines(change));
  },
  async status(options) {
    const folder = await dataFolder(options);
    const report = (await askRelay(folder, "/status")) as StatusReport | null | undefined;
    if (report === undefined || report === null)
      throw new CommandFailure(`no relay runs on ${folder}`, EXIT.unavailable);
    if (options.json === true) console.log(JSON.stringify(report));
    else print(statusLines(report, Date.now()));
  },
  send,
  sinkList(options) {
    const messages = sinkFolder(options.data).list();
    if (options.json === true) console.log(JSON.stringify(messages));
    else print(sinkLines(messages));
  },
  sinkShow(id, options) {
    const content = sinkFolder(options.data).read(id);
    if (content === undefined) throw new CommandFailure(`the sink has no message ${id}`, EXIT.failed);
    process.stdout.write(content);
  },
};

function readAuthority(file: string): string {
  let pem: string;
  try {
    pem = fs.readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandFailure(`--tls-ca: ${file} cannot be read: ${errorText(error)}`, EXIT.usage);
  }
  // Without one the option would do nothing, in silence.
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    throw new CommandFailure(`--tls-ca: ${file} holds no certificate in PEM`, EXIT.usage);
  return pem;
}

async function send(options: SendOptions): Promise<void> {
  const password = process.env["WAYPOST_SEND_PASSWORD"];
  if (options.username !== undefined && password === undefined)
    throw new CommandFailure("--username: put the password into WAYPOST_SEND_PASSWORD", EXIT.usage);
  for (const address of [options.from, ...options.to]) {
    const found = parseMailbox(address);
    if (found.kind === "malformed")
      throw new CommandFailure(`${printable(address)} is no address: ${found.why}`, EXIT.usage);
  }
  if (hasHidden(options.subject)) throw new CommandFailure("--subject: a subject is one line of text", EXIT.usage);
  const parsed = parseSmartHostUrl(options.server);
  if ("kind" in parsed)
    throw new CommandFailure(`--server takes smtp://HOST:PORT or smtps://HOST:PORT: ${parsed.why}`, EXIT.usage);
  const credentials =
    options.username === undefined ? parsed.credentials : { username: options.username, password: password! };
  const site: SmartHost = {
    name: "send",
    host: parsed.host,
    port: parsed.port,
    isImplicitTls: parsed.isImplicitTls,
    tls: credentials !== undefined || options.tlsCa !== undefined ? "verify" : "opportunistic",
    credentials,
    authorities: options.tlsCa === undefined ? [] : [readAuthority(options.tlsCa)],
    ...FREE_TERMS,
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
