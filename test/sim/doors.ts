import type { ListeningPlace, RelayPlan } from "../../src/main/plan.ts";
import {
  type ListenerTerms,
  type ListeningParts,
  type Visitor,
  listenerTerms,
} from "../../src/main/threads/listening.ts";
import type { Net } from "./net.ts";

/** The listening sockets of one mail thread, as `Listening` has them. */
export class SimDoors {
  readonly #net: Net;
  readonly #parts: ListeningParts;
  #open = new Map<number, (visitor: Visitor) => void>();
  #prepared: ReadonlyMap<number, ListenerTerms> | undefined;

  constructor(net: Net, parts: ListeningParts) {
    this.#net = net;
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
      const knock = (visitor: Visitor): void => this.#parts.connected(visitor, terms);
      this.#open.set(port, knock);
      this.#net.open(port, knock);
    }
  }

  abandon(): void {
    this.#prepared = undefined;
  }

  close(): void {
    for (const [port, knock] of this.#open) this.#net.shut(port, knock);
    this.#open = new Map();
  }
}
