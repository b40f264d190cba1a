import { OUTBOUND } from "../core/base/limits.ts";
import { minute } from "../core/base/time.ts";
import { Rate } from "../core/queue/rate.ts";
import { type Window, bounded, freshWindow } from "../core/queue/window.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { Block, Rated } from "../ports/queue.ts";

/** How a site fared; good to know when it is used again. */
export interface SiteRecord {
  readonly window: Window;
  /** Blocks in a row. */
  readonly failures: number;
  readonly block: SiteBlock;
  /** It took a message, and was not blocked since. */
  readonly isProven: boolean;
  /** What was begun there in the last minute, where that has a bound. */
  readonly rates: Readonly<Record<Rated, Rate | undefined>>;
}

/** By the clock that never goes back: a wall clock that is set back keeps nothing blocked. */
export interface SiteBlock extends Pick<Block, "text" | "isOurs"> {
  readonly endsAt: number;
}

export const NO_BLOCK: SiteBlock = { endsAt: Number.NEGATIVE_INFINITY, text: "" };

export function freshRecord(limits: SiteLimits): SiteRecord {
  const { connectionsMax, connectionsPerMinute, messagesPerMinute } = limits;
  const rates = { message: rateOf(messagesPerMinute), connection: rateOf(connectionsPerMinute) };
  return { window: freshWindow(connectionsMax), failures: 0, block: NO_BLOCK, isProven: false, rates };
}

function rateOf(most: number | undefined, before?: Rate): Rate | undefined {
  if (most === undefined) return undefined;
  return before === undefined ? new Rate(most, minute + OUTBOUND.rateSlack) : before.withLimit(most);
}

/** What is known of a site, under bounds that may be others than it was found under. */
export function adapted({ window, rates }: SiteRecord, limits: SiteLimits): Pick<SiteRecord, "window" | "rates"> {
  const { connectionsMax, connectionsPerMinute, messagesPerMinute } = limits;
  return {
    window: bounded(window, connectionsMax),
    rates: {
      message: rateOf(messagesPerMinute, rates.message),
      connection: rateOf(connectionsPerMinute, rates.connection),
    },
  };
}
