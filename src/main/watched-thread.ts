import { Worker, type MessagePort } from "node:worker_threads";
import { RELOAD, STOP } from "../core/base/limits.ts";
import type { ReloadRequest } from "../engine/operator.ts";
import type { ThreadAnswer, ThreadOrder, ThreadReport } from "./plan.ts";

export type ThreadName = "mail" | "queue" | "store" | "control";
export type Ready = Extract<ThreadReport, { kind: "ready" }>;

/** How a start went: `failed` in the thread's own words, `died` in those of the error that ended it. */
export type Started =
  Ready | Extract<ThreadReport, { kind: "failed" }> | { readonly kind: "died"; readonly text: string };

export interface ThreadListener {
  /** Takes whole log lines. */
  log(lines: string): void;
  /** Somebody asks for a reload; `tell` answers. */
  asked?(number: number, request: ReloadRequest): void;
  /**
   * It is gone, for whatever reason; also when it was terminated. `wasAtWork`: it was ready, and had not said that it stopped. `error`:
   * what it threw, with its properties, if that is why.
   */
  ended(text: string, wasAtWork: boolean, error: unknown): void;
}

export interface WatchedThread {
  readonly name: ThreadName;
  /** Resolves when its modules are loaded, or it is gone: from then on no file of the program is read, and none kept. */
  readonly loaded: Promise<void>;
  readonly started: Promise<Started>;
  /** It is its turn: its data, whose ports move to it. Once. */
  begin(data: object): void;
  /** For orders that nobody answers. */
  tell(order: ThreadOrder): void;
  /** The answer to a `prepare` or `adopt`; undefined where none comes within `RELOAD.patience`, or ever. */
  order(order: ThreadOrder): Promise<ThreadAnswer | undefined>;
  /** Resolves when it has finished what is under way, at the latest after `STOP.thread`. */
  stop(): Promise<void>;
  terminate(): Promise<unknown>;
}

// Messages live for a moment: with room for them in the young generation few are ever copied by the collector.
const YOUNG_MIB: Readonly<Record<ThreadName, number>> = { mail: 32, store: 24, queue: 12, control: 12 };

/** A thread that loads its modules, and does nothing else before it begins. */
export function watchedThread(name: ThreadName, listener: ThreadListener): WatchedThread {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./threads/${name}.${extension}`, import.meta.url), {
    name,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB[name] },
  });
  const loaded = Promise.withResolvers<void>();
  const started = Promise.withResolvers<Started>();
  const stopped = Promise.withResolvers<void>();
  /** Who waits for an answer, in the order of their orders. */
  const answered: ((answer: ThreadAnswer | undefined) => void)[] = [];
  let isGone = false;
  let isAtWork = false;
  let thrown: unknown;
  worker.on("message", (message: ThreadReport) => {
    if (message.kind === "log") listener.log(message.lines);
    else if (message.kind === "loaded") loaded.resolve();
    else if (message.kind === "stopped") {
      isAtWork = false;
      stopped.resolve();
    } else if (message.kind === "asked") listener.asked?.(message.number, message.request);
    else if (isAnswer(message)) answered.shift()?.(message);
    else {
      isAtWork = message.kind === "ready";
      started.resolve(message);
    }
  });
  worker.once("error", (error: unknown) => {
    thrown = error;
  });
  worker.once("exit", (code) => {
    isGone = true;
    const text = thrown === undefined ? `it ended with code ${code}` : textOf(thrown);
    loaded.resolve();
    started.resolve({ kind: "died", text });
    stopped.resolve();
    for (const answer of answered.splice(0)) answer(undefined);
    listener.ended(text, isAtWork, thrown);
  });
  return {
    name,
    loaded: loaded.promise,
    started: started.promise,
    begin: (data) => worker.postMessage({ kind: "begin", data } satisfies ThreadOrder, portsOf(data)),
    tell: (order) => worker.postMessage(order),
    order(order) {
      if (isGone) return Promise.resolve(undefined);
      const answer = Promise.withResolvers<ThreadAnswer | undefined>();
      answered.push(answer.resolve);
      worker.postMessage(order);
      setTimeout(() => answer.resolve(undefined), RELOAD.patience).unref();
      return answer.promise;
    },
    stop() {
      worker.postMessage({ kind: "stop" } satisfies ThreadOrder);
      return Promise.race([stopped.promise, new Promise<void>((resolve) => setTimeout(resolve, STOP.thread).unref())]);
    },
    terminate: () => worker.terminate(),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function isAnswer(message: ThreadReport): message is ThreadAnswer {
  return message.kind === "prepared" || message.kind === "not-prepared" || message.kind === "adopted";
}

function portsOf(data: object): MessagePort[] {
  return Object.values(data)
    .flat()
    .filter((value): value is MessagePort => typeof value === "object" && value !== null && "postMessage" in value);
}
