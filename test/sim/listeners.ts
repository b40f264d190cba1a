import { type ListenerTerms, type Listeners, type ListenersParts, listenerTerms } from "../../src/main/listeners.ts";
import type { ListeningPlace, RelayPlan } from "../../src/main/plan.ts";
import type { ListeningThread, Net } from "./net.ts";
import type { SimClock } from "./timeline.ts";

/**
 * The listening sockets of one mail thread, which answer to `prepare`, `adopt`, `abandon` and `close` as those of `NetListeners`
 * do; what is prepared is not open before it is adopted.
 */
export class SimListeners implements Listeners {
  readonly #net: Net;
  readonly #clock: SimClock;
  readonly #parts: ListenersParts;
  #open = new Map<number, ListeningThread>();
  #prepared: ReadonlyMap<number, ListenerTerms> | undefined;

  constructor(net: Net, clock: SimClock, parts: ListenersParts) {
    this.#net = net;
    this.#clock = clock;
    this.#parts = parts;
  }

  prepare(plan: RelayPlan, listening: readonly ListeningPlace[]): Promise<number[]> {
    const ports = listening.map(({ address }) => address.port);
    this.#prepared = new Map(
      listening.map(({ place }, at) => [ports[at]!, listenerTerms(plan, at, this.#parts.sessions, place)]),
    );
    return Promise.resolve(ports);
  }

  adopt(): void {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    this.close(); // what was prepared is over with it
    for (const [port, terms] of prepared) {
      const listening: ListeningThread = {
        clock: this.#clock,
        connect: (connection) => this.#parts.connected(connection, terms),
      };
      this.#open.set(port, listening);
      this.#net.open(port, listening);
    }
  }

  abandon(): void {
    this.#prepared = undefined;
  }

  close(): void {
    this.abandon();
    for (const [port, listening] of this.#open) this.#net.shut(port, listening);
    this.#open = new Map();
  }
}
