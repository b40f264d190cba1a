import { type Account, type Copy, type Ending, type Letter, newAccount, newLetter } from "./accounts.ts";
import { contentFault } from "./carried.ts";
import { fieldIn } from "../smtp-text.ts";

export type { Copy } from "./accounts.ts";

/** What the store has after a transaction that it had not before. */
export interface Committed {
  readonly arrivals: readonly {
    readonly id: string;
    readonly from: string;
    /** Of a report of the relay's: the id of the message that it is about; empty where that was none of the queue. */
    readonly about: string | undefined;
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
}

/** What the rules of this world are. */
export interface LedgerTerms {
  readonly postmaster: string | undefined;
  /** The life of a message, and of one from nobody. */
  readonly lifeMs: number;
  readonly nullLifeMs: number;
  /** The shortest that a recipient waits between two attempts. */
  readonly firstWaitMs: number;
  /** Octets of the smallest message that some next hop may find too large; undefined: none does. */
  readonly sizeMin: number | undefined;
  readonly hasSevenBitHops: boolean;
  /** Deliveries in the memory of all mail threads. */
  readonly inHandMax: number;
}

const REPORT_NOTE = /(?:sender|postmaster) told in report ([0-9A-Za-z]+)/;
const SILENCE_PERMITTED = /too many reports|no route takes a report/;
/** What wall clocks, channels and connections may differ by. */
const SLACK_MS = 3 * 60_000;

/** The accounts of clients and next hops, and what of the promises they show broken. */
export class Ledger {
  readonly violations: string[] = [];
  readonly letters = new Map<string, Letter>();
  readonly #terms: LedgerTerms;
  readonly #now: () => number;
  readonly #event: () => number;
  readonly #byId = new Map<string, Letter>();
  readonly #byRow = new Map<number, Account>();
  /** Of clients' letters: each recipient has one letter only. */
  readonly #byAddress = new Map<string, Account>();
  /** Refusals of addresses that several letters may go to. */
  readonly #judged = new Map<string, Set<string>>();
  /** Domains of which the DNS said for certain that nobody takes their mail. */
  readonly #dead = new Set<string>();
  #diedAt = Number.NEGATIVE_INFINITY;
  /** Which process of the relay there is now. */
  life = 1;
  readonly #troubledAt = new Map<string, number>();
  #operatedAt = Number.NEGATIVE_INFINITY;
  /** Sum of the times by which the wall clock was set forward. */
  #jumpedBy = 0;
  acknowledged = 0;
  deliveries = 0;
  duplicatesExplained = 0;
  reports = 0;

  constructor(terms: LedgerTerms, now: () => number, event: () => number) {
    this.#terms = terms;
    this.#now = now;
    this.#event = event;
  }

  violation(promise: string, text: string): void {
    if (this.violations.length < 20)
      this.violations.push(`${promise} at ${(this.#now() / 1000).toFixed(3)} s: ${text}`);
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
    const account = this.#byAddress.get(address);
    const last = account?.copies.at(-1);
    if (last === undefined || last.isHeard) return;
    if (this.life !== last.life && !last.isFollowed) this.#judgeFirstTry(address, last, hop);
    last.isFollowed = true;
    const isOurs = this.life !== last.life || this.#operatedAt > last.at - SLACK_MS;
    if (!isOurs && this.#now() - last.at < 0.8 * this.#terms.firstWaitMs)
      this.violation(
        "P3",
        `${address} was tried at ${hop} ${this.#now() - last.at} ms after ${last.hop} may have taken it`,
      );
  }

  /** After a crash it goes where it may be already, as long as that next hop is well and nobody wants it elsewhere. */
  #judgeFirstTry(address: string, last: Copy, hop: string): void {
    const isElsewhere = groupOf(hop) !== groupOf(last.hop);
    const troubledAt = this.#troubledAt.get(groupOf(last.hop)) ?? Number.NEGATIVE_INFINITY;
    const wasWell = Math.max(troubledAt, this.#operatedAt) < last.at - SLACK_MS;
    if (isElsewhere && wasWell)
      this.violation("P3", `${address} went to ${hop} after a crash, and ${last.hop} may have it and is well`);
  }

  /** Something went wrong at a next hop, or on the way there. */
  troubled(hop: string): void {
    this.#troubledAt.set(groupOf(hop), this.#now());
  }

  judged(address: string, hop: string): void {
    const account = this.#byAddress.get(address);
    account?.judgedBy.add(hop);
    const judged = this.#judged.get(address) ?? new Set();
    judged.add(hop);
    this.#judged.set(address, judged);
  }

  /** `wire`: as it came, with dots before dots. */
  took(
    from: Pick<Copy, "hop" | "life" | "isKeptBack">,
    sender: string,
    addresses: readonly string[],
    wire: Buffer,
    content: Buffer,
  ): Copy[] {
    const { hop } = from;
    const key = fieldIn(content, "X-Letter") ?? idIn(content);
    const letter = this.letters.get(key);
    if (letter === undefined) {
      this.violation("P4", `${hop} got a message that nobody sent, to ${addresses.join(", ")}`);
      return [];
    }
    const fault = contentFault(letter, wire, content, this.#terms.hasSevenBitHops);
    if (fault !== undefined) this.violation("P6", `${key} at ${hop}: ${fault}`);
    if (sender !== letter.from) this.violation("P2", `${key} of <${letter.from}> came to ${hop} as <${sender}>'s`);
    const unnamed = letter.names.find((name) => !content.includes(`Final-Recipient: rfc822; ${name}\r\n`));
    if (unnamed !== undefined) this.violation("P2", `report ${key} does not name ${unnamed}, who failed`);
    if (letter.committedIn === undefined) this.violation("P1", `${key} was delivered before it was committed`);
    return addresses.flatMap((address) => this.#tookFor(letter, address, from));
  }

  #tookFor(letter: Letter, address: string, from: Pick<Copy, "hop" | "life" | "isKeptBack">): Copy[] {
    const account = letter.accounts.get(address);
    if (account === undefined || (!account.isNamed && letter.fate === "acknowledged")) {
      this.violation("P4", `${letter.key} went to ${address}, who is none of its recipients`);
      return [];
    }
    const last = account.copies.at(-1);
    if (last !== undefined) this.#judgeRepeat(account, last, from.hop);
    const copy: Copy = { ...from, at: this.#now(), isFollowed: false, isHeard: false };
    account.copies.push(copy);
    this.deliveries++;
    return [copy];
  }

  /** Promise P3. */
  #judgeRepeat(account: Account, last: Copy, hop: string): void {
    const { address, ending } = account;
    const wasKeptBack = !last.isHeard && last.isKeptBack();
    const isExplained = ending === undefined && (wasKeptBack || this.life !== last.life);
    if (isExplained) this.duplicatesExplained++;
    else
      this.violation(
        "P3",
        `${address} of ${account.letter.key} has a second copy at ${hop}, and nothing died since ${last.hop} took it at ${last.at}${ending === undefined ? "" : " and that was recorded"}`,
      );
  }

  // What the DNS says, and operators, and the machine.

  deadDomain(domain: string): void {
    this.#dead.add(domain);
  }

  /** An operator is going to ask for this, of all mail to an address or of other mail. */
  operates(action: string, address: string | undefined): void {
    this.#operatedAt = this.#now();
    if (address === undefined) return;
    for (const { accounts } of this.#byId.values()) accounts.get(address)?.wishes.add(action);
  }

  jumped(byMs: number): void {
    this.#jumpedBy += Math.max(0, byMs);
  }

  /** The process is gone. */
  died(): void {
    this.#diedAt = this.#now();
    this.life++;
  }

  // What the store has.

  /** A message of this id was committed. */
  knows(id: string): boolean {
    return this.#byId.has(id);
  }

  committed({ arrivals, ends }: Committed): void {
    for (const arrival of arrivals) this.#arrived(arrival);
    for (const { row, outcome, note, reply } of ends) this.#ended(row, { outcome, note, reply, at: this.#now() });
  }

  #arrived(arrival: Committed["arrivals"][number]): void {
    const { id, deliveries, isWhole } = arrival;
    const letter = arrival.about === undefined ? this.#letterOf(deliveries) : this.#reported(arrival, arrival.about);
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
    for (const { row, address } of deliveries) {
      const account = letter.accounts.get(address);
      if (account === undefined)
        this.violation("P4", `${letter.key} was kept for ${address}, who is none of its recipients`);
      else {
        account.row = row;
        this.#byRow.set(row, account);
      }
    }
  }

  #letterOf(deliveries: readonly { readonly address: string }[]): Letter | undefined {
    return this.#byAddress.get(deliveries[0]?.address ?? "")?.letter;
  }

  /** A report of the relay's own. */
  #reported({ id, deliveries }: Committed["arrivals"][number], aboutId: string): Letter {
    const about = this.#byId.get(aboutId);
    const letter = newLetter({ key: id, from: "", isPermitted: true, content: undefined, wantsNoReport: true, about });
    for (const { address } of deliveries) newAccount(letter, address).isNamed = true;
    letter.fate = "acknowledged";
    this.letters.set(id, letter);
    this.reports++;
    this.#judgeReport(letter, about);
    return letter;
  }

  #judgeReport({ key, accounts }: Letter, about: Letter | undefined): void {
    if (about === undefined) return;
    const [to] = accounts.keys();
    const { postmaster } = this.#terms;
    if (about.from !== "") {
      if (to !== about.from)
        this.violation("P2", `report ${key} about ${about.key} goes to ${to}, and not to ${about.from}`);
      return;
    }
    if (to !== postmaster) this.violation("P2", `report ${key} is about ${about.key}, which has no sender`);
    if (about.about?.from === "")
      this.violation("P2", `report ${key} is about ${about.key}, which tells of a report itself`);
  }

  #ended(row: number, ending: Ending): void {
    const account = this.#byRow.get(row);
    if (account === undefined) return this.violation("P2", `delivery ${row} ended, and was never committed`);
    if (account.ending !== undefined) return; // recorded again, as after a commit whose answer was lost
    account.ending = ending;
    const name = `${account.address} of ${account.letter.key}`;
    if (ending.outcome === "delivered" && account.copies.length === 0)
      this.violation("P2", `${name} is recorded as delivered, and no next hop has it`);
    if (ending.outcome === "failed") this.#judgeFailure(account, ending, name);
  }

  #judgeFailure(account: Account, { note, reply }: Ending, name: string): void {
    if (!this.#isExplained(account)) this.violation("P5", `${name} failed (${note}; ${reply}), and nobody refused it`);
    const { letter } = account;
    const report = REPORT_NOTE.exec(note)?.[1];
    if (report !== undefined) {
      const told = this.letters.get(report);
      if (told === undefined)
        this.violation("P2", `${name} failed, and its report ${report} was not committed with it`);
      else told.names.push(account.address);
    } else if (letter.from !== "" && !letter.wantsNoReport && !SILENCE_PERMITTED.test(note))
      this.violation("P2", `${name} failed, and its sender was not told: ${note}`);
  }

  #isExplained(account: Account): boolean {
    const { address, letter, judgedBy, wishes } = account;
    if (wishes.has("expire") || judgedBy.size > 0 || this.#judged.has(address)) return true;
    if (this.#dead.has(address.slice(address.lastIndexOf("@") + 1))) return true;
    const { sizeMin, lifeMs, nullLifeMs } = this.#terms;
    const octets = letter.content?.length ?? Infinity;
    if (sizeMin !== undefined && 3 * octets + 4096 > sizeMin) return true; // converted it may be three times as long
    const life = letter.from === "" ? nullLifeMs : lifeMs;
    const jumped = this.#diedAt > letter.committedAt ? this.#jumpedBy : 0; // a new process does not know of them
    return this.#now() - letter.committedAt + jumped + SLACK_MS >= life;
  }

  /** History says so: that is how the end by an operator is known. */
  cancelled(id: string, row: number, note: string): void {
    const letter = this.#byId.get(id);
    const account = [...(letter?.accounts.values() ?? [])].find((one) => one.row === row);
    if (account === undefined)
      return this.violation("P2", `delivery ${row} of ${id} was cancelled, and was never committed`);
    if (!account.wishes.has("cancel"))
      this.violation("P2", `${account.address} was cancelled, and nobody asked for that`);
    account.ending ??= { outcome: "cancelled", note, reply: "", at: this.#now() };
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
    if (deliveries > this.#terms.inHandMax)
      this.violation("P7", `${deliveries} deliveries are in hand, of at most ${this.#terms.inHandMax}`);
  }

  /** After a start: what was committed and has no end is in the store (promise P2). */
  recovered(rows: ReadonlySet<number>, contents: (id: string) => boolean): void {
    for (const letter of this.#byId.values()) {
      let isWaiting = false;
      for (const { row, ending, address, wishes } of letter.accounts.values()) {
        if (row === undefined || ending !== undefined || wishes.has("cancel")) continue; // history tells of that later
        isWaiting = true;
        if (!rows.has(row)) this.violation("P2", `${address} of ${letter.key} is gone after a start`);
      }
      if (isWaiting && !contents(letter.id!))
        this.violation("P2", `the content of ${letter.key} is gone after a start`);
    }
  }

  /** When all is over. `recorded`: message ids with rows of which history has an end. */
  close(recorded: ReadonlySet<string>): void {
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

  #closeAccount({ row, ending, copies, address, letter, isNamed }: Account, recorded: ReadonlySet<string>): void {
    const name = `${address} of ${letter.key}`;
    if (letter.fate === "acknowledged" && isNamed && row === undefined)
      this.violation("P2", `${name} was accepted, and the store never had it`);
    if (row === undefined) return;
    if (ending === undefined) this.violation("P2", `${name} has no end`);
    else if (!recorded.has(`${letter.id} ${row}`)) this.violation("P2", `history knows of no end of ${name}`);
    if (ending?.outcome === "delivered" && !copies.some(({ isHeard }) => isHeard))
      this.violation("P2", `${name} is recorded as delivered, and no next hop said so`);
  }
}

/** Servers of one domain stand for each other. */
function groupOf(hop: string): string {
  return hop.startsWith("mx") && hop !== "mxe" ? "mx" : hop;
}

/** Of a report: its own id, which its Message-ID has. */
function idIn(content: Buffer): string {
  return /^<([0-9A-Za-z]+)@/.exec(fieldIn(content, "Message-ID") ?? "")?.[1] ?? "";
}
