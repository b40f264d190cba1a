import { MessageChannel, type MessagePort } from "node:worker_threads";
import { CONTROL } from "../core/base/limits.ts";
import { CONTROL_RETRY, wait } from "../core/queue/backoff.ts";
import type { ReloadAnswer, ReloadRequest } from "../engine/operator.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { ControlThreadData, RelayPlan, ThreadAnswer, ThreadOrder } from "./plan.ts";
import type { SharedSessions } from "./session-count.ts";
import { type Started, type WatchedThread, watchedThread } from "./watched-thread.ts";

export interface ControlSupervisorParts {
  readonly recorder: Recorder;
  /** Takes whole log lines. */
  readonly log: (lines: string) => void;
  /** A command asks for a reload. */
  readonly reload: (request: ReloadRequest) => Promise<ReloadAnswer>;
  /** What a thread that begins goes by. */
  readonly plan: () => RelayPlan;
  readonly sessions: SharedSessions;
  /** Ends of channels whose others are the store thread's and the queue thread's. */
  readonly store: MessagePort;
  readonly queue: MessagePort;
}

/** Keeps the one thread that mail can do without: started again whenever it ends, later and later. */
export class ControlSupervisor {
  readonly #parts: ControlSupervisorParts;
  readonly #begun = Promise.withResolvers<void>();
  #thread: WatchedThread;
  #isOver = false;

  /** The thread loads its modules, and no other does before `begin`. */
  constructor(parts: ControlSupervisorParts) {
    this.#parts = parts;
    this.#thread = this.#start(0);
  }

  get loaded(): Promise<void> {
    return this.#thread.loaded;
  }

  /** Mail flows: from now on there is something to look at. How its start went, unless it is another thread's turn by then. */
  begin(): Promise<Started> {
    this.#begun.resolve();
    return this.#thread.started;
  }

  tell(order: ThreadOrder): void {
    this.#thread.tell(order);
  }

  /** See `WatchedThread.order`. */
  order(order: ThreadOrder): Promise<ThreadAnswer | undefined> {
    return this.#thread.order(order);
  }

  /** The relay stops: what the thread has begun it finishes, and if it ends no other follows. */
  stopping(): void {
    this.#isOver = true;
    this.tell({ kind: "stopping" });
  }

  stop(): Promise<void> {
    return this.#thread.stop();
  }

  terminate(): Promise<unknown> {
    this.#isOver = true;
    return this.#thread.terminate();
  }

  #start(failures: number): WatchedThread {
    const { log } = this.#parts;
    const startedAt = performance.now();
    const thread = watchedThread("control", {
      log,
      asked: (number, request) => void this.#answer(number, request),
      ended: (text) => {
        const isSteady = performance.now() - startedAt > CONTROL.steadyAfter;
        void this.#startAgain(text, isSteady ? 1 : failures + 1);
      },
    });
    void this.#begun.promise.then(() => thread.begin(this.#data()));
    return thread;
  }

  async #startAgain(text: string, failures: number): Promise<void> {
    if (this.#isOver) return;
    const retryMs = wait(CONTROL_RETRY, failures, 0);
    this.#parts.recorder.record({ event: "control.failed", text, retryMs });
    await this.#begun.promise;
    setTimeout(() => {
      if (!this.#isOver) this.#thread = this.#start(failures);
    }, retryMs).unref();
  }

  async #answer(number: number, request: ReloadRequest): Promise<void> {
    const answer = await this.#parts.reload(request);
    this.tell({ kind: "answer", number, answer });
  }

  #data(): ControlThreadData {
    const { plan, sessions, store, queue } = this.#parts;
    return { plan: plan(), sessions, store: lead(store), queue: lead(queue) };
  }
}

/** Messages to and from `other` go through here, so that its channel outlives the thread that has the end answered here. */
function lead(other: MessagePort): MessagePort {
  const channel = new MessageChannel();
  channel.port2.on("message", (message: unknown) => other.postMessage(message));
  other.removeAllListeners("message");
  other.on("message", (message: unknown) => channel.port2.postMessage(message));
  for (const port of [channel.port2, other]) port.unref();
  return channel.port1;
}
