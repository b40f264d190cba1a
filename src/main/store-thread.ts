import { listenTo, outletTo, plain } from "../adapters/threads/outlet.ts";
import { COMMIT, answers } from "../adapters/threads/parcels.ts";
import { DELIVERY_RETRY, longestWait } from "../core/queue/backoff.ts";
import { HINT_MAX } from "../core/queue/retry-hint.ts";
import { lanesOfHosts } from "../core/routing/lane.ts";
import { Keeper, type KeeperParts, type RetryTimes } from "../engine/keeper.ts";
import type { ControlToStore, QueueToStore, StoreToControl, StoreToMail, StoreToQueue } from "../engine/messages.ts";
import type { SpaceReport } from "../ports/store.ts";
import type { RelayPlan, StoreThreadData } from "./plan.ts";

/** What the store thread reaches the world with; `full`: the disk has no room. */
export type StoreAdapters = Pick<KeeperParts, "store" | "clock" | "full">;

/** The store thread: the only writer of the queue store. */
export class StoreThread {
  readonly #keeper: Keeper;
  /** Deliveries that were in hand when the process before this one ended. */
  readonly recovered: number;

  constructor({ plan, mails, queue, control }: Omit<StoreThreadData, "wasKilled">, adapters: StoreAdapters) {
    const keeper = new Keeper({
      ...adapters,
      mails: mails.map((port) => outletTo(port, answers<StoreToMail>())),
      queue: outletTo(queue, plain<StoreToQueue>()),
      control: outletTo(control, plain<StoreToControl>()),
      retry: retryTimes(plan),
    });
    this.#keeper = keeper;
    this.recovered = keeper.start();
    for (const [index, port] of mails.entries()) listenTo(port, COMMIT, (message) => keeper.fromMail(index, message));
    listenTo(queue, plain<QueueToStore>(), (message) => keeper.fromQueue(message));
    listenTo(control, plain<ControlToStore>(), (message) => keeper.fromControl(message));
  }

  /** The space on the disk may be another one now. */
  space(report: SpaceReport): void {
    this.#keeper.space(report);
  }

  /** Goes by another plan. `changedHosts`: smart hosts that are not what they were. */
  adopt({ config }: RelayPlan, changedHosts: readonly string[]): void {
    this.#keeper.unblock(
      lanesOfHosts(
        changedHosts,
        config.egresses.map(({ name }) => name),
      ),
    );
    this.#keeper.setRetry(retryTimes({ config }));
  }
}

function retryTimes({ config: { retry } }: Pick<RelayPlan, "config">): RetryTimes {
  const { expire, schedule } = retry;
  return {
    expire,
    longestWait: longestWait({ ...DELIVERY_RETRY, schedule }),
    longestNamed: longestWait({ ...DELIVERY_RETRY, schedule: [...schedule, HINT_MAX] }),
  };
}
