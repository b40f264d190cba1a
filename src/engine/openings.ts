import { QUEUE } from "../core/base/limits.ts";
import { RecentMap } from "../core/base/recent-map.ts";
import type { Pauses } from "../core/queue/pause.ts";
import type { Reason } from "../core/queue/reason.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import type { Block, Site } from "../ports/queue.ts";

/** Why mail for a blocked site waits. */
export function reasonOfBlock({ isOurs }: Pick<Block, "isOurs">): Reason {
  return isOurs === true ? "source-unusable" : "lane-blocked";
}

/** What a mail thread knows of where mail can go now: which sites are blocked, and what an operator paused. */
export class Openings {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #blocks = new RecentMap<Site, Block & { readonly endsAt: number }>(QUEUE.blockedSitesMax);
  /** Where lanes went when it was last found out. */
  readonly #sites = new RecentMap<Lane, Site>(QUEUE.blockedSitesMax);
  #isPaused = false;
  #pausedLanes: ReadonlySet<Lane> = new Set();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  pause({ outbound, lanes }: Omit<Pauses, "inbound">): void {
    this.#isPaused = outbound;
    this.#pausedLanes = new Set(lanes);
  }

  isPaused(lane: Lane): boolean {
    return this.#isPaused || this.#pausedLanes.has(lane);
  }

  block(site: Site, block: Block): void {
    this.#blocks.set(site, { ...block, endsAt: this.#clock.monotonic() + block.left });
  }

  /** Answers the site that the lane went to. */
  unblock(lane: Lane): Site {
    const site = this.#sites.get(lane) ?? lane;
    this.#blocks.delete(site);
    return site;
  }

  /** The lane's servers were found. */
  sited(lane: Lane, site: Site): void {
    this.#sites.set(lane, site);
  }

  /**
   * Undefined where it is not known to be blocked; the queue knows for certain. A smart host's site is named as its lane; of
   * a domain's lane nothing is known until its servers are.
   */
  blockOf(site: Site): Block | undefined {
    const block = this.#blocks.get(site);
    if (block === undefined || block.endsAt > this.#clock.monotonic()) return block;
    this.#blocks.delete(site);
    return undefined;
  }

  /** The first that mail may go to now; the route's first step has to be waited for where an operator paused it. */
  first(lanes: readonly Lane[]): Lane | undefined {
    const [first] = lanes;
    return first === undefined || this.isPaused(first) ? undefined : this.#open(lanes);
  }

  /** The next one behind `lane` that mail may go to now. */
  next(lanes: readonly Lane[], lane: Lane): Lane | undefined {
    return lanes.length < 2 ? undefined : this.#open(lanes.slice(lanes.indexOf(lane) + 1));
  }

  #open(lanes: readonly Lane[]): Lane | undefined {
    return lanes.find((lane) => !this.isPaused(lane) && this.blockOf(lane) === undefined);
  }

  /** Of the blocks of these lanes the one that is over first; undefined where none is known, or all are over by now. */
  firstToEnd(lanes: readonly Lane[]): Block | undefined {
    const blocks = lanes.map((lane) => this.blockOf(lane)).filter((block) => block !== undefined);
    return blocks.toSorted((one, other) => one.until - other.until)[0];
  }
}
