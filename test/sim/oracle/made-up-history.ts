import { type Letter, newAccount, newLetter } from "./accounts.ts";
import { type Committed, type Copy, Ledger, type LedgerTerms, type Taker } from "./ledger.ts";

const TERMS: LedgerTerms = {
  lifeMs: 100 * 3_600_000,
  nullLifeMs: 24 * 3_600_000,
  sizeOf: (domain) => (domain === "tight.test" ? 10_000 : undefined),
  postmaster: "postmaster@good.test",
  perSenderMax: 1000,
  toPostmasterMax: 2,
  firstWaitMs: 60_000,
  inHandMax: 1000,
  longestWaitMs: 3_600_000,
  msPerMessage: 3000,
  isSoftBounce: false,
  hopsOf: () => ["primary", "backup"],
};
const TRACE = "Received: from client.test by relay.test; Sat, 21 Nov 2026 00:00:00 +0000\r\n";

/** A history of a relay that never was: what the oracle says to it is what it is worth. */
export class MadeUpHistory {
  now = 0;
  readonly ledger: Ledger;
  #count = 0;
  #rows = 0;

  constructor(terms: Partial<LedgerTerms> = {}) {
    this.ledger = new Ledger(
      { ...TERMS, ...terms },
      () => this.now,
      () => this.now,
    );
  }

  /** What was found, without its time. */
  get found(): string[] {
    return this.ledger.violations.map((text) => text.replace(/ at [\d.]+ s:/, ":"));
  }

  /** All is over, and history has all ends. */
  close(): void {
    const recorded = new Set<string>();
    for (const { id, accounts } of this.ledger.letters.values())
      for (const { row } of accounts.values()) recorded.add(`${id} ${row}`);
    this.ledger.close(recorded);
  }

  /** A client named all of these recipients. */
  letter(addresses: readonly string[], facts: { readonly from?: string; readonly body?: string } = {}): Letter {
    const { from = "s@src.test", body = "Hello.\r\n" } = facts;
    const key = `m${++this.#count}`;
    const content = Buffer.from(
      `X-Letter: ${key}\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${body}`,
      "latin1",
    );
    const letter = newLetter({ key, from, isPermitted: true, content, wantsNoReport: false, about: undefined });
    for (const address of addresses) newAccount(letter, address).isNamed = true;
    this.ledger.wrote(letter);
    return letter;
  }

  /** It is kept, for all or for these, and its client was told so. */
  kept(letter: Letter, addresses: readonly string[] = [...letter.accounts.keys()]): void {
    this.#commit({ arrivals: [this.#arrival(letter.key, letter.from, addresses, undefined)] });
    this.ledger.acknowledgedLetter(letter, this.now);
  }

  /** A next hop has it, with TRACE before it unless something else came. */
  took(letter: Letter, address: string, facts: Partial<Taker> = {}): Copy[] {
    const content = facts.content ?? Buffer.concat([Buffer.from(TRACE), letter.content]);
    const taker: Taker = {
      hop: "primary",
      life: this.ledger.life,
      isKeptBack: () => true,
      wire: content,
      content,
      hasEightBit: true,
      isDeclaredEightBit: true,
      size: 0,
      ...facts,
    };
    return this.ledger.took(taker, letter.from, [address]);
  }

  /** A next hop has it, and the relay heard so. */
  delivered(letter: Letter, address: string): void {
    for (const copy of this.took(letter, address)) copy.heardAt = this.now;
    this.ended(letter, address, "delivered");
  }

  ended(letter: Letter, address: string, outcome: "delivered" | "failed", note = ""): void {
    this.#commit({ ends: [{ row: rowOf(letter, address), outcome, note, reply: "550 no" }] });
  }

  /** It fails, and a report about it is kept with that. */
  failedWithReport(letter: Letter, address: string, to: string): Letter {
    const id = `R${++this.#count}`;
    const content = Buffer.from(`Message-ID: <${id}@relay.test>\r\n\r\nFinal-Recipient: rfc822; ${address}\r\n`);
    const about = letter.id ?? "";
    this.#commit({
      arrivals: [this.#arrival(id, "", [to], { about, content })],
      ends: [
        {
          row: rowOf(letter, address),
          outcome: "failed",
          note: `${letter.from === "" ? "postmaster" : "sender"} told in report ${id}`,
          reply: "550 no",
        },
      ],
    });
    return this.ledger.letters.get(id)!;
  }

  /** A report that is about nothing. */
  reported(to: string): void {
    const report = { about: "", content: Buffer.from("Message-ID: <R0@relay.test>\r\n\r\n") };
    this.#commit({ arrivals: [this.#arrival("R0", "", [to], report)] });
  }

  /** The process dies, and another begins, which has all that is to be there. */
  restarted(): void {
    this.ledger.died();
    const rows = this.ledger.waiting().map(({ row }) => row!);
    this.ledger.recovered(new Set(rows), () => true);
  }

  acted(letter: Letter, address: string, action: Committed["acted"][number]["action"], isInHand: boolean): void {
    this.#commit({ acted: [{ row: rowOf(letter, address), action, isInHand }] });
  }

  parked(letter: Letter, address: string, because = "paused"): void {
    this.#commit({ parked: [{ row: rowOf(letter, address), because }] });
  }

  /** It goes another way. */
  moved(letter: Letter, address: string): void {
    this.#commit({ moved: [rowOf(letter, address)] });
  }

  #arrival(
    id: string,
    from: string,
    addresses: readonly string[],
    report: Committed["arrivals"][number]["report"],
  ): Committed["arrivals"][number] {
    const deliveries = addresses.map((address) => ({ row: ++this.#rows, address }));
    return { id, from, report, deliveries, isWhole: true };
  }

  #commit(what: Partial<Committed>): void {
    this.ledger.committed({ arrivals: [], ends: [], parked: [], moved: [], acted: [], ...what });
  }
}

function rowOf(letter: Letter, address: string): number {
  return letter.accounts.get(address)!.row!;
}

/** What the relay puts before a message. */
export function traced(text: string): Buffer {
  return Buffer.from(TRACE + text, "latin1");
}
