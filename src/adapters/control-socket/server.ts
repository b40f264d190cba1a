import fs from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { CONTROL, IMPORT } from "../../core/base/limits.ts";
import type { Duration } from "../../core/base/time.ts";
import { QUEUE_ACTIONS, type QueueAction } from "../../core/queue/action.ts";
import { SELECTION_KEYS, type SelectionTexts } from "../../core/queue/selection.ts";
import { http } from "./http.ts";
import { type ShortPath, shortPath } from "./short-path.ts";
import { VERSION_FIELD } from "./version-field.ts";

/** What is answered, at once or later. An object with `refused` says why not; what is thrown is told and ends nothing. */
export interface Answers {
  status(query: StatusQuery): unknown;
  list(query: ListQuery): unknown;
  count(query: CountQuery): unknown;
  show(id: string): unknown;
  act(request: unknown): Promise<unknown>;
  pause(request: unknown): Promise<unknown>;
  reload(request: unknown): Promise<unknown>;
  prune(request: unknown): unknown;
  /** The body is not JSON and may be large. */
  import(body: AsyncIterable<Uint8Array>): Promise<unknown>;
}

interface StatusQuery {
  readonly hasActiveSites: boolean;
}

interface ListQuery {
  readonly limit: number;
  readonly after: string | undefined;
  readonly filter: SelectionTexts;
}

interface CountQuery {
  readonly filter: SelectionTexts;
  readonly action: QueueAction | undefined;
  readonly after: string | undefined;
  readonly counted: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const LIMIT_DEFAULT = 50;
const NOT_FOUND: Answer = { status: 404, body: { error: "not found" } };

/** JSON over HTTP on a unix socket in the data folder, for who may read that folder. */
export class SocketServer {
  readonly #file: string;
  readonly #answers: Answers;
  readonly #version: string;
  readonly #server: Server;
  /** Held while it listens: to close removes the socket by it. */
  #place: ShortPath | undefined;
  readonly #failed: (error: Error) => void;
  readonly #underWay = new Set<Promise<void>>();

  /** `failed` hears what is wrong with the socket; it is tried again. `version`: the relay's, which each answer says. */
  constructor(file: string, answers: Answers, failed: (text: string) => void, version: string) {
    this.#file = file;
    this.#answers = answers;
    this.#version = version;
    this.#server = http.createServer(
      { requestTimeout: IMPORT.request, headersTimeout: CONTROL.request },
      (request, response) => this.#take(request, response),
    );
    const again = (error: Error): void => {
      failed(error.message);
      if (!this.#server.listening) setTimeout(() => this.listen(), CONTROL.listenRetry).unref();
    };
    this.#failed = again;
    this.#server.on("error", again);
    this.#server.on("close", () => this.#release());
  }

  listen(): void {
    fs.rmSync(this.#file, { force: true }); // left by a process that was killed; the folder's lock says that it is gone
    this.#release();
    try {
      this.#place = shortPath(this.#file);
    } catch (error) {
      return this.#failed(error as Error); // the process has too many files open
    }
    this.#server.listen(this.#place.path, () => fs.chmodSync(this.#file, 0o600)); // the folder is its owner's alone already
  }

  #release(): void {
    this.#place?.release();
    this.#place = undefined;
  }

  /**
   * Nobody is let in any more. What is under way gets this long to be answered, and then its connection is closed; what ends
   * by that gets as long once more. Resolves when all has ended, at the latest then.
   */
  async close(patience: Duration): Promise<void> {
    this.#server.close();
    await this.#quiet(patience);
    this.#server.closeAllConnections();
    await this.#quiet(patience);
  }

  async #quiet(patience: Duration): Promise<void> {
    await Promise.race([Promise.all(this.#underWay), sleep(patience, undefined, { ref: false })]);
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const served = this.#serve(request, response).finally(() => this.#underWay.delete(served));
    this.#underWay.add(served);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request);
    request.resume(); // whoever still writes a body that is not wanted reads the answer after it
    response
      .writeHead(status, { "content-type": "application/json", [VERSION_FIELD]: this.#version })
      .end(JSON.stringify(body));
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    try {
      const url = new URL(request.url ?? "/", "http://control");
      if (request.method === "GET") return answerOf(await this.#find(url));
      if (request.method !== "POST") return { status: 405, body: { error: "only GET and POST" } };
      if (url.pathname === "/queue/imports") return answerOf(await this.#answers.import(request));
      const change = this.#change(url);
      return change === undefined ? NOT_FOUND : answerOf(await change(JSON.parse(await bodyOf(request))));
    } catch (error) {
      // A store that cannot be read is for whoever asks to know, and no reason to end the thread.
      return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
    }
  }

  #find(url: URL): unknown {
    if (url.pathname === "/status")
      return this.#answers.status({ hasActiveSites: url.searchParams.get("sites") === "active" });
    if (url.pathname === "/queue") return this.#answers.list(query(url));
    if (url.pathname === "/queue/counts") return this.#answers.count(countQuery(url));
    const id = /^\/queue\/([0-9A-Za-z]{12,16})$/.exec(url.pathname)?.[1];
    return id === undefined ? undefined : this.#answers.show(id);
  }

  #change(url: URL): ((request: unknown) => unknown) | undefined {
    if (url.pathname === "/queue/actions") return (request) => this.#answers.act(request);
    if (url.pathname === "/pauses") return (request) => this.#answers.pause(request);
    if (url.pathname === "/history/prunes") return (request) => this.#answers.prune(request);
    return url.pathname === "/reload" ? (request) => this.#answers.reload(request) : undefined;
  }
}

function answerOf(found: unknown): Answer {
  if (found === undefined) return NOT_FOUND;
  const isRefused = typeof found === "object" && found !== null && "refused" in found;
  return { status: isRefused ? 422 : 200, body: found };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) {
    text += piece as string;
    if (text.length > CONTROL.requestOctetsMax) throw new Error("the request is too long");
  }
  return text;
}

function query(url: URL): ListQuery {
  const limit = Number(url.searchParams.get("limit") ?? LIMIT_DEFAULT);
  return {
    limit: Number.isInteger(limit) ? Math.min(Math.max(limit, 1), CONTROL.listedMax) : LIMIT_DEFAULT,
    after: text(url, "after"),
    filter: filter(url),
  };
}

function countQuery(url: URL): CountQuery {
  const action = QUEUE_ACTIONS.find((name) => name === url.searchParams.get("action"));
  return { filter: filter(url), action, after: text(url, "after"), counted: text(url, "counted") };
}

function filter({ searchParams }: URL): SelectionTexts {
  const found = SELECTION_KEYS.flatMap((key) => {
    const value = searchParams.get(key);
    return value === null ? [] : [[key, value] as const];
  });
  return Object.fromEntries(found);
}

function text(url: URL, name: string): string | undefined {
  return url.searchParams.get(name) ?? undefined;
}
