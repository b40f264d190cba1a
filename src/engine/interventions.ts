import { unreachable } from "../core/base/invariant.ts";
import { QUEUE } from "../core/base/limits.ts";
import { RecentMap } from "../core/base/recent-map.ts";
import { second } from "../core/base/time.ts";
import { type Pauses, pausesOf } from "../core/queue/pause.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeliveryRow, QueueStore } from "../ports/store.ts";
import type { ControlToStore, Outlet, StoreToControl, StoreToMail, StoreToQueue } from "./messages.ts";
import { RollCall } from "./roll-call.ts";

type Order = Extract<ControlToStore, { readonly kind: "act" | "pause" | "import" }>;

/** What an operator's order brought, to be told once it is durable. */
export type Intervention =
  | {
      readonly kind: "answer";
      readonly answer: StoreToControl;
      readonly unblocked: readonly Lane[];
      /** Of these some are in mail threads' hands. */
      readonly wanted: readonly DeliveryRow[];
    }
  | {
      readonly kind: "pauses";
      readonly answer: StoreToControl;
      readonly pauses: Pauses;
      /** New mail is paused: it is answered once what was taken before is in the store. */
      readonly shutsDoor: boolean;
    };

interface InterventionsParts {
  readonly store: QueueStore;
  readonly clock: Clock;
  /** By mail thread. */
  readonly mails: readonly Outlet<StoreToMail>[];
  readonly control: Outlet<StoreToControl>;
  /** To all threads that mail goes through. */
  readonly tellAll: (message: StoreToMail & StoreToQueue) => void;
}

/** The steps of an operator's action follow each other within this: a site that is dead is tried once, not for each. */
const UNBLOCK_EVERY = 1 * second;

/** Operators' orders to the store: done within the keeper's transactions, told after them. */
export class Interventions {
  readonly #store: QueueStore;
  readonly #clock: Clock;
  readonly #mails: readonly Outlet<StoreToMail>[];
  readonly #control: Outlet<StoreToControl>;
  readonly #tellAll: InterventionsParts["tellAll"];
  readonly #rollCall: RollCall;
  readonly #unblockedAt = new RecentMap<Lane, number>(QUEUE.blockedSitesMax);

  constructor({ store, clock, mails, control, tellAll }: InterventionsParts) {
    this.#store = store;
    this.#clock = clock;
    this.#mails = mails;
    this.#control = control;
    this.#tellAll = tellAll;
    this.#rollCall = new RollCall(mails);
  }

  obey(order: Order): Intervention {
    switch (order.kind) {
      case "act":
        return this.#act(order);
      case "pause":
        return this.#pause(order);
      case "import": {
        const isNew = this.#store.import(order.arrivals, this.#clock.now());
        return { kind: "answer", answer: { kind: "imported", number: order.number, isNew }, unblocked: [], wanted: [] };
      }
      default:
        return unreachable(order);
    }
  }

  /** The threads hear before the lanes wake. */
  tell(brought: Intervention): void {
    if (brought.kind === "pauses") {
      this.tellPauses(brought.pauses);
      if (brought.shutsDoor) return this.#rollCall.ask(() => this.#control.say(brought.answer));
    } else {
      for (const lane of brought.unblocked) this.#tellAll({ kind: "unblock", lane });
      if (brought.wanted.length > 0) for (const mail of this.#mails) mail.say({ kind: "wanted", rows: brought.wanted });
    }
    this.#control.say(brought.answer);
  }

  tellPauses(pauses: Pauses = pausesOf(this.#store.pauses())): void {
    this.#tellAll({ kind: "pauses", ...pauses });
  }

  /** A mail thread's answer to `hear`. */
  heard(number: number): void {
    this.#rollCall.heard(number);
  }

  /** What an operator wants tried now is tried now: a lane that is blocked is blocked no more. */
  #act({ number, action, rows }: Extract<Order, { kind: "act" }>): Intervention {
    const { changed, inHand, lanes } = this.#store.act(action, rows, this.#clock.now());
    const unblocked = action === "release" ? [] : lanes.filter((lane) => this.#unblock(lane));
    const wanted = inHand > 0 && action !== "retry" ? rows : [];
    return { kind: "answer", answer: { kind: "acted", number, changed, inHand }, unblocked, wanted };
  }

  #unblock(lane: Lane): boolean {
    const now = this.#clock.monotonic();
    if (now - (this.#unblockedAt.get(lane) ?? Number.NEGATIVE_INFINITY) < UNBLOCK_EVERY) return false;
    this.#store.unblock(lane, this.#clock.now()); // the threads may know of a block that its row does not have
    this.#unblockedAt.set(lane, now);
    return true;
  }

  #pause({ number, target, isPaused }: Extract<Order, { kind: "pause" }>): Intervention {
    const isChange = this.#store.pause(target, isPaused ? this.#clock.now() : undefined);
    const pauses = pausesOf(this.#store.pauses());
    const shutsDoor = isPaused && target.kind === "inbound";
    return { kind: "pauses", answer: { kind: "paused", number, isChange }, pauses, shutsDoor };
  }
}

export function isIntervention(order: { readonly kind: string }): order is Order {
  return order.kind === "act" || order.kind === "pause" || order.kind === "import";
}
