import type { Chance } from "../support/chance.ts";

// How the life of a relay of the kill rounds ends.

export type Life =
  /** Somewhere between its opening the store and its being up; then another one under load. */
  | "at-start"
  /** Two, each soon after it opened its store; then another one under load. */
  | "twice"
  /** As soon as it listens. */
  | "young"
  | "under-load"
  /** While it takes over another configuration. */
  | "in-reload"
  /** While it stops. */
  | "in-stop"
  /** One of its threads ends in an error, and the process by itself, or with a control thread not. */
  | "thread-ends"
  /** Stopped for a while, as by a debugger or a machine that is moved; it goes on, and is killed under load later. */
  | "frozen";

/** The share of each. */
export type Lives = Readonly<Record<Life, number>>;

export const USUAL_LIVES: Lives = {
  "at-start": 0.14,
  twice: 0.12,
  young: 0.06,
  "under-load": 0.34,
  "in-reload": 0.12,
  "in-stop": 0.12,
  "thread-ends": 0.09,
  frozen: 0.01,
};

export const LIVES = Object.keys(USUAL_LIVES) as readonly Life[];

/** The first rounds have one of each, so that a short run has all; then chance decides. */
export function lifeOf(round: number, chance: Chance): Life {
  const sum = LIVES.reduce((total, life) => total + USUAL_LIVES[life], 0);
  let left = chance() * sum;
  const drawn = LIVES.find((life) => (left -= USUAL_LIVES[life]) < 0) ?? "under-load";
  return LIVES[round - 1] ?? drawn;
}
