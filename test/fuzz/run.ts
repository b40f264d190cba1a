import { seeded } from "../support/chance.ts";
import { type CorpusFile, corpusOf } from "./corpus.ts";
import type { Coverage } from "./coverage.ts";
import { Mutation } from "./mutation.ts";
import { type Target, Violation } from "./target.ts";

/** More than this for one input is a hang: of the processor's time, or of waiting. */
export const HANG_MS = 1000;
/** Inputs between two looks at what was reached. */
const BATCH = 250;
const KEPT_PER_BATCH = 8;
const FINDINGS_MAX = 20;
const SHRINKS_MAX = 2000;
/** Looks at the clock are dear beside a small parser. */
const TIMED_EVERY = 16;

export interface Finding {
  /** `crash` is any exception that is not the target's own word. */
  readonly kind: "crash" | "hang" | "violation";
  readonly input: string;
  readonly why: string;
  readonly afterInputs: number;
  readonly afterMs: number;
}

export interface Outcome {
  readonly target: string;
  readonly inputs: number;
  readonly findings: readonly Finding[];
  readonly longestMs: number;
  readonly tookMs: number;
  readonly summary: Readonly<Record<string, number>>;
}

export interface Options {
  readonly inputs: number;
  readonly ms: number;
  readonly seed: number;
  /** Ends with the first finding. */
  readonly isFirstEnough?: boolean;
  readonly coverage?: Coverage | undefined;
  /** Hears of each input before it is tried. */
  readonly overhear?: ((input: string) => void) | undefined;
}

/** Tries inputs until there were enough of them, or the time is over. */
export async function fuzz(target: Target, options: Options): Promise<Outcome> {
  const run = new Run(target, options);
  try {
    return await run.all();
  } finally {
    await target.close?.();
  }
}

/** Every input that once found something, and every seed. */
export async function replay(target: Target, files: readonly CorpusFile[] = corpusOf(target.name)): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, input } of files) {
    const found = await tried(target, input);
    if (found !== undefined) wrong.push(`${target.name}/${name}: ${found.why}`);
  }
  return wrong;
}

type Why = Pick<Finding, "kind" | "why">;

async function tried(target: Target, input: string): Promise<Why | undefined> {
  try {
    const checked = target.check(input);
    if (checked !== undefined) await checked;
    return undefined;
  } catch (error) {
    return whyOf(error);
  }
}

function whyOf(error: unknown): Why {
  if (error instanceof Violation) return { kind: "violation", why: error.message };
  return { kind: "crash", why: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** What this thread had of the processor, so that others on the machine are not taken for a hang. */
function spentMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

class Run {
  readonly #target: Target;
  readonly #options: Options;
  readonly #mutation: Mutation;
  readonly #findings: Finding[] = [];
  readonly #seen = new Set<string>();
  readonly #started = performance.now();
  #inputs = 0;
  #longestMs = 0;

  constructor(target: Target, options: Options) {
    this.#target = target;
    this.#options = options;
    this.#mutation = new Mutation(target, seeded(options.seed));
  }

  async all(): Promise<Outcome> {
    const { seeds } = this.#target;
    await this.#batch(seeds.slice(0, this.#options.inputs));
    while (!this.#isOver()) {
      const room = Math.min(BATCH, this.#options.inputs - this.#inputs);
      await this.#batch(Array.from({ length: room }, () => this.#mutation.next()));
    }
    return {
      target: this.#target.name,
      inputs: this.#inputs,
      findings: this.#findings,
      longestMs: Math.round(this.#longestMs),
      tookMs: Math.round(this.#elapsed()),
      summary: this.#target.summary?.() ?? {},
    };
  }

  #elapsed(): number {
    return performance.now() - this.#started;
  }

  #isOver(): boolean {
    const { inputs, ms, isFirstEnough = false } = this.#options;
    const isEnough = this.#findings.length >= (isFirstEnough ? 1 : FINDINGS_MAX);
    return isEnough || this.#inputs >= inputs || this.#elapsed() >= ms;
  }

  async #batch(inputs: readonly string[]): Promise<void> {
    for (let at = 0; at < inputs.length && !this.#isOver(); at += TIMED_EVERY)
      await this.#timed(inputs.slice(at, at + TIMED_EVERY));
    const { coverage } = this.#options;
    if (coverage !== undefined && (await coverage.look()) > 0) await this.#keepWhatReached(inputs, coverage);
  }

  async #timed(inputs: readonly string[]): Promise<void> {
    const started = spentMs();
    for (const input of inputs) await this.#try(input);
    const took = spentMs() - started;
    if (took <= Math.min(HANG_MS / 2, this.#longestMs)) return;
    // Which of them it was, tried again: a collection of garbage may fall upon any.
    for (const input of inputs) await this.#measure(input);
  }

  async #measure(input: string): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 3 && least > this.#longestMs; n++) {
      const started = spentMs();
      await tried(this.#target, input);
      least = Math.min(least, spentMs() - started);
    }
    if (least > this.#longestMs) this.#longestMs = least;
    if (least > HANG_MS) await this.#add(input, { kind: "hang", why: `${Math.round(least)} ms for one input` });
  }

  async #try(input: string): Promise<void> {
    this.#inputs++;
    this.#options.overhear?.(input);
    try {
      const checked = this.#target.check(input);
      if (checked === undefined) return;
      const started = performance.now();
      await checked;
      if (performance.now() - started > HANG_MS) await this.#tryWait(input);
    } catch (error) {
      await this.#add(input, whyOf(error));
    }
  }

  /**
   * What waits has nothing of the processor. The machine may have been slow: it is a hang where it waits for so long again,
   * and another input does not.
   */
  async #tryWait(input: string): Promise<void> {
    if ((await this.#waitMs(this.#target.seeds[0] ?? "")) > HANG_MS / 2) return;
    const waited = await this.#waitMs(input);
    if (waited > HANG_MS)
      await this.#add(input, { kind: "hang", why: `${Math.round(waited)} ms of waiting for one input` });
  }

  async #waitMs(input: string): Promise<number> {
    const started = performance.now();
    await tried(this.#target, input);
    return performance.now() - started;
  }

  async #add(input: string, why: Why): Promise<void> {
    const kind = `${why.kind} ${why.why.split("|")[0]!.split("\n").slice(0, 2).join(" ")}`;
    if (this.#seen.has(kind)) return;
    this.#seen.add(kind);
    const at = { afterInputs: this.#inputs, afterMs: Math.round(this.#elapsed()) };
    const shrunk = why.kind === "hang" ? { input, ...why } : await this.#shrunk(input, why);
    this.#findings.push({ ...shrunk, ...at });
  }

  /** Without what it does not take. */
  async #shrunk(input: string, why: Why): Promise<Why & { readonly input: string }> {
    const end = performance.now() + 5000;
    let best = { input, ...why };
    let tries = 0;
    for (let size = Math.ceil(best.input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < best.input.length && tries < SHRINKS_MAX && performance.now() < end; tries++) {
        const shorter = best.input.slice(0, at) + best.input.slice(at + size);
        const found = await tried(this.#target, shorter);
        if (found?.kind === why.kind && found.why.split("|")[0] === why.why.split("|")[0])
          best = { input: shorter, ...found };
        else at += size;
      }
    }
    return best;
  }

  /** Goes on from the inputs that reached something new: found by halves, a few of a batch. */
  async #keepWhatReached(inputs: readonly string[], coverage: Coverage): Promise<void> {
    for (let n = 0; n < KEPT_PER_BATCH; n++) {
      const [input] = await this.#reaching(inputs, coverage);
      if (input !== undefined) this.#mutation.keep(input);
      for (const other of inputs) await tried(this.#target, other);
      if ((await coverage.look()) === 0) return;
    }
  }

  async #reaching(inputs: readonly string[], coverage: Coverage): Promise<readonly string[]> {
    let rest = inputs;
    while (rest.length > 1) {
      const half = rest.slice(0, Math.ceil(rest.length / 2));
      coverage.forget();
      for (const input of half) await tried(this.#target, input);
      const isThere = (await coverage.look()) > 0;
      rest = isThere ? half : rest.slice(half.length);
      if (isThere || rest.length > 1) continue;
      for (const input of rest) await tried(this.#target, input);
      await coverage.look();
    }
    return rest;
  }
}
