import { listenTo, outletTo, plain } from "../adapters/threads/outlet.ts";
import { lanesOfHosts } from "../core/routing/lane.ts";
import type {
  ControlToQueue,
  MailToQueue,
  QueueToControl,
  QueueToMail,
  QueueToStore,
  StoreToQueue,
} from "../engine/messages.ts";
import { Scheduler, type SchedulerParts } from "../engine/scheduler.ts";
import type { QueueThreadData, RelayPlan } from "./plan.ts";
import { fallbacksOf, siteLimits } from "./threads/next-hops.ts";

/** What the queue thread reaches the world with. */
export type QueueAdapters = Pick<SchedulerParts, "clock" | "entropy" | "recorder">;

/** The queue thread: knows what is due, what is in flight and which limits bind. No I/O. */
export class QueueThread {
  readonly #scheduler: Scheduler;
  #limitsOf: ReturnType<typeof siteLimits>;
  #fallbacks: ReturnType<typeof fallbacksOf>;

  constructor({ plan: { config }, mails, store, control }: QueueThreadData, adapters: QueueAdapters) {
    this.#limitsOf = siteLimits(config);
    this.#fallbacks = fallbacksOf(config.routes);
    const scheduler = new Scheduler({
      ...adapters,
      mails: mails.map((port) => outletTo(port, plain<QueueToMail>())),
      store: outletTo(store, plain<QueueToStore>()),
      limitsOf: (site) => this.#limitsOf(site),
      fallbacksOf: (lane) => this.#fallbacks(lane),
    });
    this.#scheduler = scheduler;
    for (const [index, port] of mails.entries())
      listenTo(port, plain<MailToQueue>(), (message) => scheduler.fromMail(index, message));
    listenTo(store, plain<StoreToQueue>(), (message) => scheduler.fromStore(message));
    const toControl = outletTo(control, plain<QueueToControl>());
    listenTo(control, plain<ControlToQueue>(), (message) => toControl.say(scheduler.fromControl(message)));
  }

  /** Goes by another plan. `changedHosts`: smart hosts that are not what they were. */
  adopt({ config }: RelayPlan, changedHosts: readonly string[]): void {
    this.#limitsOf = siteLimits(config);
    this.#fallbacks = fallbacksOf(config.routes);
    this.#scheduler.limitsChanged(
      lanesOfHosts(
        changedHosts,
        config.egresses.map(({ name }) => name),
      ),
    );
  }
}
