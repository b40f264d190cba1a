import { type Account, type Act, type Copy, type Ending, type Letter, newAccount, newLetter } from "./accounts.ts";
import type { Bench } from "./bench.ts";
import { type Received, contentFault } from "./carried.ts";
import { FailureJudge, type FailureTerms } from "./failures.ts";
import { ReasonJudge, type ReasonTerms } from "./reasons.ts";
import { type Action, RepeatJudge } from "./repeats.ts";
import { ReportJudge, type ReportTerms } from "./reports.ts";
import { WaitJudge, type WaitTerms } from "./waits.ts";
import { fieldIn } from "../smtp-text.ts";

export type { Copy } from "./accounts.ts";

/** What the store has after a transaction that it had not before. */
export interface Committed {
  readonly arrivals: readonly {
    readonly id: string;
    readonly from: string;
    /** Of a report of the relay's. */
    readonly report: ReportFacts | undefined;
    readonly deliveries: readonly { readonly row: number; readonly address: string }[];
    /** Its content is on stable storage. */
    readonly isWhole: boolean;
  }[];
  readonly ends: readonly {
    readonly row: number;
    readonly outcome: "delivered" | "failed";
    readonly note: string;
    readonly reply: string;
  }[];
  /** Deliveries that wait again, and the reason that an operator reads. */
  readonly parked: readonly { readonly row: number; readonly because: string }[];
  /** Those that go another way at once. */
  readonly moved: readonly number[];
  /** What an operator did to which, and whether a mail thread had them. */
  readonly acted: readonly { readonly row: number; readonly action: Action; readonly isInHand: boolean }[];
}

interface ReportFacts {
  /** The id of the message that it is about; empty where that was none of the queue. */
  readonly about: string;
  /** As it is stored. */
  readonly content: Buffer;
}

/** As the reason of what an operator wants elsewhere. */
const REROUTED = "rerouted-by-operator";

/** What the rules of this world are. */
export interface LedgerTerms extends FailureTerms, ReasonTerms, ReportTerms, WaitTerms {
  /** The shortest that a recipient waits between two attempts. */
  readonly firstWaitMs: number;
  /** Deliveries in the memory of all mail threads. */
  readonly inHandMax: number;
}

/** Where a copy of a message is. */
export interface Taker extends Received, Pick<Copy, "hop" | "life" | "isKeptBack"> {}

/** The accounts of clients and next hops, and what of the promises they show broken. */
export class Ledger {
  readonly violations: string[] = [];
  readonly letters = new Map<string, Letter>();
  readonly #inHandMax: number;
  readonly #now: () => number;
  readonly #event: () => number;
  readonly #repeats: RepeatJudge;
  readonly #failures: FailureJudge;
  readonly #reports: ReportJudge;
  readonly #waits: WaitJudge;
  readonly reasons: ReasonJudge;
  readonly #byId = new Map<string, Letter>();
  readonly #byRow = new Map<number, Account>();
  /** Of clients' letters: each recipient has one letter only. */
  readonly #byAddress = new Map<string, Account>();
  acknowledged = 0;
  deliveries = 0;

  constructor(terms: LedgerTerms, now: () => number, event: () => number) {
    this.#inHandMax = terms.inHandMax;
    this.#now = now;
    this.#event = event;
    const bench: Bench = { now, violation: (promise, text) => this.violation(promise, text) };
    this.#repeats = new RepeatJudge(bench, terms.firstWaitMs);
    this.#failures = new FailureJudge(bench, terms);
    this.#reports = new ReportJudge(bench, terms);
    this.#waits = new WaitJudge(bench, terms);
    this.reasons = new ReasonJudge(bench, terms);
  }

  violation(promise: string, text: string): void {
    if (this.violations.length < 20)
      this.violations.push(`${promise} at ${(this.#now() / 1000).toFixed(3)} s: ${text}`);
  }

  /** Which process of the relay there is now. */
  get life(): number {
    return this.#repeats.life;
  }

  get duplicatesExplained(): number {
    return this.#repeats.explained;
  }

  get reports(): number {
    return this.#reports.count;
  }

  // What clients say.

  /** A letter that is about to be sent. */
  wrote(letter: Letter): void {
    this.letters.set(letter.key, letter);
    for (const account of letter.accounts.values()) this.#byAddress.set(account.address, account);
  }

  /** The relay said 250 to its end in the event `saidIn` (promise P1). */
  acknowledgedLetter(letter: Letter, saidIn: number): void {
    letter.fate = "acknowledged";
    for (const account of letter.accounts.values()) if (account.isNamed) this.acknowledged++;
    if (letter.committedIn === undefined || letter.committedIn > saidIn)
      this.violation("P1", `${letter.key} was acknowledged before it was committed`);
  }

  // What next hops say.

  tried(address: string, hop: string): void {
    this.#waits.tried(address);
    const account = this.#byAddress.get(address);
    if (account === undefined) return;
    this.#repeats.tried(account, hop);
    account.act = undefined;
  }

  /** What a next hop did with these in the attempt that is under way; undefined: it answered to their content. */
  acted(addresses: readonly string[], act: Act | undefined): void {
    for (const address of addresses) {
      const account = this.#byAddress.get(address);
      if (account !== undefined) account.act = act;
    }
  }

  /** Something went wrong at a next hop, or on the way there, or keeps the relay from it. */
  troubled(hop: string): void {
    this.#repeats.troubled(hop);
    this.reasons.troubled(hop);
  }

  /** A next hop refused an address, or a message to it, for good. */
  judged(address: string): void {
    this.#failures.judged(address);
  }

  took(taker: Taker, sender: string, addresses: readonly string[]): Copy[] {
    const { hop, content } = taker;
    const key = fieldIn(content, "X-Letter") ?? idIn(content);
    const letter = this.letters.get(key);
    if (letter === undefined) {
      this.violation("P4", `${hop} got a message that nobody sent, to ${addresses.join(", ")}`);
      return [];
    }
    const fault = contentFault(letter.content, taker);
    if (fault !== undefined) this.violation("P6", `${key} at ${hop}: ${fault}`);
    if (sender !== letter.from) this.violation("P2", `${key} of <${letter.from}> came to ${hop} as <${sender}>'s`);
    const unnamed = letter.names.find((name) => !content.includes(`Final-Recipient: rfc822; ${name}\r\n`));
    if (unnamed !== undefined) this.violation("P2", `report ${key} does not name ${unnamed}, who failed`);
    if (letter.committedIn === undefined) this.violation("P1", `${key} was delivered before it was committed`);
    return addresses.flatMap((address) => this.#tookFor(letter, address, taker));
  }

  #tookFor(letter: Letter, address: string, { hop, life, isKeptBack }: Taker): Copy[] {
    const account = letter.accounts.get(address);
    if (account?.row === undefined) {
      this.violation("P4", `${letter.key} went to ${address}, for whom it was never kept`);
      return [];
    }
    this.deliveries++;
    return [this.#repeats.took(account, { hop, life, isKeptBack })];
  }

  // What the DNS says, and the machine.

  deadDomain(domain: string): void {
    this.#failures.deadDomain(domain);
  }

  jumped(byMs: number): void {
    this.#failures.jumped(byMs);
    this.#repeats.jumped(byMs);
  }

  /** The process ended in order: what it heard of before that is recorded. */
  stopped(): void {
    for (const { copies, address, letter } of this.waiting()) {
      const last = copies.at(-1);
      if (last?.heardAt !== undefined && last.life === this.life)
        this.violation("P3", `${address} of ${letter.key} was taken, which an orderly end did not record`);
    }
    this.died();
  }

  /** The store took nothing of a transaction. */
  storeRefused(): void {
    this.#repeats.storeRefused();
  }

  /** The process is gone. */
  died(): void {
    this.#repeats.died();
  }

  /** From now on nothing goes wrong. */
  calm(): void {
    this.#waits.calm(this.waiting().length);
  }

  /** Nobody waits for longer than is well. */
  judgeWaits(): void {
    for (const account of this.waiting()) this.#waits.judge(account);
  }

  // What the store has.

  /** A message of this id was committed. */
  knows(id: string): boolean {
    return this.#byId.has(id);
  }

  committed({ arrivals, ends, parked, moved, acted }: Committed): void {
    if (ends.length + parked.length > 0) this.#repeats.storeTook();
    for (const arrival of arrivals) this.#arrived(arrival);
    for (const { row, outcome, note, reply } of ends) this.#ended(row, { outcome, note, reply, at: this.#now() });
    for (const { row, action, isInHand } of acted) {
      const account = this.#byRow.get(row);
      if (account !== undefined) this.#repeats.acted(account, action, isInHand);
    }
    for (const row of moved) {
      const account = this.#byRow.get(row);
      if (account !== undefined) account.hasMoved = true;
    }
    for (const { row, because } of parked) {
      const account = this.#byRow.get(row);
      if (account === undefined) continue;
      this.#judgeReason(account, because);
      if (because !== REROUTED) this.#repeats.parked(account);
    }
  }

  /** Of reports nobody keeps account of what next hops did: several may go to one address. */
  #judgeReason(account: Account, because: string): void {
    if (because === "soft-bounce") this.#waits.tried(account.address); // perhaps nobody had to be asked
    const isClients = this.#byAddress.get(account.address) === account;
    if (isClients) this.reasons.parked(account, because, { isRefused: this.#failures.isRefused(account) });
  }

  #arrived(arrival: Committed["arrivals"][number]): void {
    const { id, deliveries, isWhole } = arrival;
    const letter = arrival.report === undefined ? this.#letterOf(deliveries) : this.#reported(arrival, arrival.report);
    if (letter === undefined) {
      this.violation(
        "P4",
        `message ${id} to ${deliveries.map(({ address }) => address).join(", ")} was kept, and nobody sent it`,
      );
      return;
    }
    if (!letter.isPermitted) this.violation("P4", `${letter.key} was kept, and its client may not relay`);
    if (!isWhole) this.violation("P1", `${letter.key} was committed before its content was on stable storage`);
    if (letter.committedIn !== undefined) this.violation("P3", `${letter.key} was committed twice`);
    letter.id = id;
    letter.committedIn = this.#event();
    letter.committedAt = this.#now();
    this.#byId.set(id, letter);
    for (const { row, address } of deliveries) this.#keptFor(letter, row, address);
    for (const { isNamed, row, address } of letter.accounts.values())
      if (isNamed && row === undefined)
        this.violation("P2", `${letter.key} was kept for some of its recipients, and not for ${address}`);
  }

  #keptFor(letter: Letter, row: number, address: string): void {
    const account = letter.accounts.get(address);
    if (account?.isNamed !== true) {
      this.violation("P4", `${letter.key} was kept for ${address}, who is none of its recipients`);
      return;
    }
    account.row = row;
    this.#byRow.set(row, account);
  }

  #letterOf(deliveries: readonly { readonly address: string }[]): Letter | undefined {
    return this.#byAddress.get(deliveries[0]?.address ?? "")?.letter;
  }

  /** A report of the relay's own. */
  #reported({ id, deliveries }: Committed["arrivals"][number], { about, content }: ReportFacts): Letter {
    const facts = { key: id, from: "", isPermitted: true, content, wantsNoReport: true };
    const letter = newLetter({ ...facts, about: this.#byId.get(about) });
    for (const { address } of deliveries) newAccount(letter, address).isNamed = true;
    letter.fate = "acknowledged";
    this.letters.set(id, letter);
    this.#reports.reported(letter, this.life);
    return letter;
  }

  #ended(row: number, ending: Ending): void {
    const account = this.#byRow.get(row);
    if (account === undefined) return this.violation("P2", `delivery ${row} ended, and was never committed`);
    const { letter, address, copies } = account;
    const name = `${address} of ${letter.key}`;
    if (account.ending !== undefined) return this.#endedAgain(account, ending);
    account.ending = ending;
    if (ending.outcome === "delivered" && copies.length === 0)
      this.violation("P2", `${name} is recorded as delivered, and no next hop has it`);
    if (ending.outcome !== "failed") return undefined;
    const { note, reply } = ending;
    this.#waits.judge(account);
    if (!this.#failures.isExplained(account))
      this.violation("P5", `${name} failed (${note}; ${reply}), and nobody refused it`);
    return this.#reports.failed(account, ending, this.letters, this.life);
  }

  /** A delivery has one end. */
  #endedAgain({ address, letter, ending }: Account, { outcome, note }: Ending): void {
    this.violation("P2", `${address} of ${letter.key} was ${ending!.outcome}, and then it was ${outcome} (${note})`);
  }

  /** History says so: that is how the end by an operator is known. */
  cancelled(id: string, row: number, note: string): void {
    const letter = this.#byId.get(id);
    const account = [...(letter?.accounts.values() ?? [])].find((one) => one.row === row);
    if (account === undefined)
      return this.violation("P2", `delivery ${row} of ${id} was cancelled, and was never committed`);
    if (!account.wishes.has("cancel"))
      this.violation("P2", `${account.address} was cancelled, and nobody asked for that`);
    const ending: Ending = { outcome: "cancelled", note, reply: "", at: this.#now() };
    // History is told again of what it may have already.
    if (account.ending === undefined) account.ending = ending;
    else if (account.ending.outcome !== "cancelled") this.#endedAgain(account, ending);
    return undefined;
  }

  /** Recipients whose letter was committed, and who have no end. */
  waiting(): Account[] {
    return [...this.#byId.values()].flatMap(({ accounts }) =>
      [...accounts.values()].filter(({ row, ending }) => row !== undefined && ending === undefined),
    );
  }

  /** What mail threads have in memory is bounded (promise P7). */
  inHand(deliveries: number): void {
    if (deliveries > this.#inHandMax)
      this.violation("P7", `${deliveries} deliveries are in hand, of at most ${this.#inHandMax}`);
  }

  /** After a start: what was committed and has no end is in the store (promise P2). */
  recovered(rows: ReadonlySet<number>, contents: (id: string) => boolean): void {
    this.#failures.started();
    for (const letter of this.#byId.values()) {
      let isWaiting = false;
      for (const account of letter.accounts.values()) {
        const { row, ending, address, wishes } = account;
        if (row === undefined || ending !== undefined || wishes.has("cancel")) continue; // history tells of that later
        account.act = undefined; // what this process does not know of is no reason
        isWaiting = true;
        if (!rows.has(row)) this.violation("P2", `${address} of ${letter.key} is gone after a start`);
      }
      if (isWaiting && !contents(letter.id!))
        this.violation("P2", `the content of ${letter.key} is gone after a start`);
    }
  }

  /** When all is over. `recorded`: message ids with rows of which history has an end. */
  close(recorded: ReadonlySet<string>): void {
    this.#reports.close();
    for (const letter of this.letters.values()) {
      if (letter.fate === "refused" && letter.committedIn !== undefined)
        this.violation("P3", `${letter.key} was refused, and kept all the same`);
      if (letter.fate === "open" && letter.committedIn !== undefined)
        this.violation("P3", `${letter.key} was kept, and its client never said all of it`);
      if (letter.fate === "acknowledged" && letter.committedIn === undefined)
        this.violation("P1", `${letter.key} was acknowledged, and never committed`);
      for (const account of letter.accounts.values()) this.#closeAccount(account, recorded);
    }
  }

  #closeAccount({ row, ending, copies, address, letter }: Account, recorded: ReadonlySet<string>): void {
    const name = `${address} of ${letter.key}`;
    if (row === undefined) return;
    if (ending === undefined) this.violation("P2", `${name} has no end`);
    else if (!recorded.has(`${letter.id} ${row}`)) this.violation("P2", `history knows of no end of ${name}`);
    if (ending?.outcome === "delivered" && !copies.some(({ heardAt }) => heardAt !== undefined))
      this.violation("P2", `${name} is recorded as delivered, and no next hop said so`);
  }
}

/** Of a report: its own id, which its Message-ID has. */
function idIn(content: Buffer): string {
  return /^<([0-9A-Za-z]+)@/.exec(fieldIn(content, "Message-ID") ?? "")?.[1] ?? "";
}
