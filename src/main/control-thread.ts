import { listenTo, outletTo, plain } from "../adapters/threads/outlet.ts";
import { STORE } from "../core/base/limits.ts";
import type { Config } from "../core/config/config.ts";
import { Importer, type ImporterParts } from "../engine/importer.ts";
import type { ControlToStore, StoreToControl } from "../engine/messages.ts";
import { OperatorClient } from "../engine/operator-client.ts";
import { QueueOperator, type QueueOperatorParts } from "../engine/queue-operator.ts";
import type { Clock } from "../ports/clock.ts";
import { Historian, type HistorianParts } from "./historian.ts";
import type { ControlThreadData, RelayPlan } from "./plan.ts";

/** What the control thread reaches the world with. */
export interface ControlAdapters
  extends Pick<QueueOperatorParts, "queue" | "recorder">, Pick<ImporterParts, "files" | "entropy"> {
  readonly clock: Clock;
  readonly history: Pick<HistorianParts, "outbox" | "history" | "clock">;
  space(config: Config): ReturnType<ImporterParts["space"]>;
}

/** What the control thread does to the queue: fills history from the outbox, and does what an operator wants. */
export class ControlThread {
  readonly historian: Historian;
  readonly changes: QueueOperator;
  readonly importer: Importer;
  #config: Config;
  #isStoreReplaced = false;

  constructor({ plan, store }: Pick<ControlThreadData, "plan" | "store">, adapters: ControlAdapters) {
    const { queue, recorder, clock, files, entropy, history } = adapters;
    this.#config = plan.config;
    const toStore = outletTo(store, plain<ControlToStore>());
    this.historian = new Historian({
      ...history,
      isSpaceLow: () => {
        const { freeOctets, neededOctets } = adapters.space(this.#config);
        return freeOctets < neededOctets + STORE.reserveOctets;
      },
      forget: (row) => toStore.say({ kind: "forget", row }),
      recorder,
    });
    const client = new OperatorClient(toStore, clock);
    listenTo(store, plain<StoreToControl>(), (message) => {
      if (message.kind === "space") this.#isStoreReplaced = message.report.isStoreReplaced === true;
      else client.fromStore(message);
    });
    toStore.say({ kind: "space?" });
    this.changes = new QueueOperator({
      queue,
      client,
      recorder,
      clock,
      smartHosts: () => this.#config.smartHosts.map(({ name }) => name),
      egresses: () => this.#config.egresses.map(({ name }) => name),
    });
    this.importer = new Importer({
      queue,
      client,
      files,
      recorder,
      clock,
      entropy,
      isStoreReplaced: () => this.#isStoreReplaced,
      space: () => adapters.space(this.#config),
    });
  }

  /** By what it goes now. */
  get config(): Config {
    return this.#config;
  }

  /** The files of the queue store are not those at their paths any more. */
  get isStoreReplaced(): boolean {
    return this.#isStoreReplaced;
  }

  /** Goes by another plan, and has tried again what waits for smart hosts that are not what they were. */
  async adopt({ config }: RelayPlan, changedHosts: readonly string[]): Promise<void> {
    this.#config = config;
    await this.changes.tryAgain(changedHosts);
  }
}
