import type { Instant } from "../core/base/time.ts";
import type { Rate } from "../core/queue/rate.ts";
import type { RateStanding, SiteStanding } from "../core/queue/site-standing.ts";
import type { Window } from "../core/queue/window.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { Block, Rated, Site } from "../ports/queue.ts";
import type { Timer } from "../ports/clock.ts";
import { type SiteBlock, type SiteRecord, adapted, freshRecord } from "./site-record.ts";

/** What is known of a site that is in use: all that limits connections there. */
export interface SiteState {
  readonly name: Site;
  window: Window;
  failures: number;
  block: SiteBlock;
  isProven: boolean;
  /** Slots given out, by mail thread. */
  readonly slots: number[];
  /** Of these, slots whose connections have not asked for a first permit: where messages have no rate, all. */
  unused: number;
  /** Connections wanted, by mail thread, those it has included. */
  readonly wanted: number[];
  /** The mail thread that was given a slot last. */
  served: number;
  /** Connections that mail threads were told to keep at most, for the sake of those that have none. */
  readonly kept: number[];
  /** Lanes with claimed deliveries that go there. */
  readonly lanes: Set<Lane>;
  limits: SiteLimits;
  rates: SiteRecord["rates"];
  /** Mail threads with something that waits for its permit, first come, first served. */
  readonly asking: Readonly<Record<Rated, number[]>>;
  /** Rings when a rate has room again, at `timerAt` by the monotonic clock. */
  timer: Timer | undefined;
  timerAt: number;
}

/** Of a site that comes into use; `rested` is what was known of it. */
export function siteInUse(
  name: Site,
  limits: SiteLimits,
  rested: SiteRecord | undefined,
  mailThreads: number,
): SiteState {
  const perThread = (value: number): number[] => Array.from({ length: mailThreads }, () => value);
  const found = rested === undefined ? freshRecord(limits) : { ...rested, ...adapted(rested, limits) };
  return {
    name,
    ...found,
    limits,
    slots: perThread(0),
    unused: 0,
    wanted: perThread(0),
    served: -1,
    kept: perThread(Number.POSITIVE_INFINITY),
    lanes: new Set(),
    asking: { message: [], connection: [] },
    timer: undefined,
    timerAt: 0,
  };
}

export function isUsed({ slots, wanted, lanes }: SiteState): boolean {
  return sum(slots) > 0 || sum(wanted) > 0 || lanes.size > 0;
}

/** What is good to know of it while nobody uses it; undefined where it is as any other. */
export function recordWorthKeeping(site: SiteState, monotonic: number): SiteRecord | undefined {
  const { window, failures, block, isProven, rates } = site;
  const isBusy = [rates.message, rates.connection].some((rate) => rate?.isFresh(monotonic) === false);
  return failures > 0 || window.price > 1 || isBusy ? { window, failures, block, isProven, rates } : undefined;
}

export interface StandingFacts {
  readonly now: Instant;
  readonly monotonic: number;
  readonly block: Block | undefined;
  readonly isCrowdedOut: boolean;
  readonly isDiskFull: boolean;
}

/** For an operator. */
export function standingOf(
  site: Pick<SiteState, keyof SiteRecord | "name" | "limits" | "slots" | "wanted">,
  { now, monotonic, block, isCrowdedOut, isDiskFull }: StandingFacts,
): SiteStanding {
  const { name, limits, rates } = site;
  const ofRate = (rate: Rate | undefined, limit: number | undefined): RateStanding | undefined => {
    if (rate === undefined || limit === undefined) return undefined;
    const left = Math.ceil(rate.freeAt(monotonic) - monotonic);
    return { begun: limit - rate.room(monotonic), limit, nextAt: left > 0 ? now + left : undefined };
  };
  return {
    site: name,
    connections: sum(site.slots),
    window: site.window.limit,
    connectionsMax: limits.connectionsMax,
    wanted: sum(site.wanted),
    newConnections: ofRate(rates.connection, limits.connectionsPerMinute),
    messages: ofRate(rates.message, limits.messagesPerMinute),
    block: block === undefined ? undefined : { until: block.until, text: block.text },
    isCrowdedOut,
    isDiskFull,
  };
}

/** Of the mail threads that want a slot those that have fewest, one after the other. */
export function nextToServe({ slots, wanted, served }: SiteState): number | undefined {
  let found: number | undefined;
  for (let n = 1; n <= slots.length; n++) {
    const thread = (served + n) % slots.length;
    const isShort = slots[thread]! < wanted[thread]!;
    if (isShort && (found === undefined || slots[thread]! < slots[found]!)) found = thread;
  }
  return found;
}

/** Mail threads that have no slot and want one. */
export function bareThreads({ slots, wanted }: SiteState): number {
  return slots.filter((has, thread) => has === 0 && wanted[thread]! > 0).length;
}

/** What each mail thread may keep where as many give one up as have none: always the one with most. */
export function leftFor(bare: number, slots: readonly number[]): number[] {
  const left = [...slots];
  for (let n = 0; n < bare; n++) {
    const most = left.indexOf(Math.max(...left));
    if (left[most]! > 0) left[most]!--;
  }
  return left;
}

export function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
