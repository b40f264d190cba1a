import { invariant } from "../core/base/invariant.ts";
import type { Outlet, StoreToMail } from "./messages.ts";

interface Asked {
  readonly whenAll: () => void;
  left: number;
}

/** Has each mail thread say that all is in the store, or refused, that it took before it was asked. */
export class RollCall {
  readonly #mails: readonly Outlet<StoreToMail>[];
  readonly #asked = new Map<number, Asked>();
  #newest = 0;

  constructor(mails: readonly Outlet<StoreToMail>[]) {
    this.#mails = mails;
  }

  ask(whenAll: () => void): void {
    const number = ++this.#newest;
    this.#asked.set(number, { whenAll, left: this.#mails.length });
    for (const mail of this.#mails) mail.say({ kind: "hear", number });
  }

  heard(number: number): void {
    const asked = this.#asked.get(number);
    invariant(asked !== undefined, "who answers was asked");
    if (--asked.left > 0) return;
    this.#asked.delete(number);
    asked.whenAll();
  }
}
