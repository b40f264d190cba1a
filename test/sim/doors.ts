import type { ListeningPlace, RelayPlan } from "../../src/main/plan.ts";
import { type ListenerTerms, type ListeningParts, listenerTerms } from "../../src/main/threads/listening.ts";
import type { Listening, Net } from "./net.ts";
import type { SimClock } from "./timeline.ts";

/** The listening sockets of one mail thread, as `Listening` has them. */
export class SimDoors {
  readonly #net: Net;
  readonly #clock: SimClock;
  readonly #parts: ListeningParts;
  #open = new Map<number, Listening>();
  #prepared: ReadonlyMap<number, ListenerTerms> | undefined;

  constructor(net: Net, clock: SimClock, parts: ListeningParts) {
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
    const prepared = this.#prepared ?? new Map<number, ListenerTerms>();
    this.close();
    for (const [port, terms] of prepared) {
      const listening: Listening = {
        clock: this.#clock,
        knock: (visitor) => this.#parts.connected(visitor, terms),
      };
      this.#open.set(port, listening);
      this.#net.open(port, listening);
    }
  }

  abandon(): void {
    this.#prepared = undefined;
  }

  close(): void {
    for (const [port, listening] of this.#open) this.#net.shut(port, listening);
    this.#open = new Map();
  }
}
