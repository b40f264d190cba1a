import type { Account, Ending, Letter } from "./accounts.ts";
import type { Bench } from "./bench.ts";

export interface ReportTerms {
  readonly postmaster: string | undefined;
  /** Messages that a sender, and postmaster, hear of within an hour: each of the mail threads may tell so many. */
  readonly perSenderMax: number;
  readonly toPostmasterMax: number;
}

interface Told {
  readonly about: string;
  readonly at: number;
  readonly life: number;
}

interface Silence {
  readonly name: string;
  readonly to: string;
  readonly at: number;
  readonly life: number;
}

const REPORT_NOTE = /(?:sender|postmaster) told in report ([0-9A-Za-z]+)/;
const TOO_MANY_NOTE = /not told: too many reports/;
const HOUR_MS = 3_600_000;
/** Between a report that is counted and the same one in the store. */
const COMMITTED_WITHIN_MS = 10 * 60_000;

/** Who is told of what failed, and who need not be (promise P2). */
export class ReportJudge {
  readonly #bench: Bench;
  readonly #terms: ReportTerms;
  readonly #told = new Map<string, Told[]>();
  readonly #silences: Silence[] = [];
  count = 0;

  constructor(bench: Bench, terms: ReportTerms) {
    this.#bench = bench;
    this.#terms = terms;
  }

  /** A report of the relay's own was committed. */
  reported({ key, accounts, about }: Letter, life: number): void {
    this.count++;
    const [to = ""] = accounts.keys();
    if (about === undefined) {
      this.#bench.violation("P4", `report ${key} to ${to} is about no message that was kept`);
      return;
    }
    this.#told.set(to, [...(this.#told.get(to) ?? []), { about: about.key, at: this.#bench.now(), life }]);
    if (about.from !== "") {
      if (to !== about.from)
        this.#bench.violation("P2", `report ${key} about ${about.key} goes to ${to}, and not to ${about.from}`);
      return;
    }
    if (to !== this.#terms.postmaster)
      this.#bench.violation("P2", `report ${key} is about ${about.key}, which has no sender`);
    if (about.about?.from === "")
      this.#bench.violation("P2", `report ${key} is about ${about.key}, which tells of a report itself`);
  }

  /** Somebody failed: whoever is to know of it is told. */
  failed(account: Account, { note }: Ending, letters: ReadonlyMap<string, Letter>, life: number): void {
    const { letter, address } = account;
    const name = `${address} of ${letter.key}`;
    const report = REPORT_NOTE.exec(note)?.[1];
    const to = this.#addresseeOf(account);
    if (report !== undefined) {
      const told = letters.get(report);
      if (told?.about !== letter)
        this.#bench.violation("P2", `${name} failed, and its report ${report} was not committed with it`);
      else told.names.push(address);
    } else if (to !== undefined && TOO_MANY_NOTE.test(note))
      this.#silences.push({ name, to, at: this.#bench.now(), life });
    else if (to !== undefined) this.#bench.violation("P2", `${name} failed, and ${to} was not told: ${note}`);
  }

  /** Undefined where nobody is to be told. */
  #addresseeOf({ address, letter }: Account): string | undefined {
    const { postmaster } = this.#terms;
    if (letter.from !== "") return letter.wantsNoReport ? undefined : letter.from;
    const isNotice = letter.about?.from === "";
    return isNotice || address === postmaster ? undefined : postmaster;
  }

  /** When all is over: who was not told because others were, in that hour, was one too many. */
  close(): void {
    for (const { name, to, at, life } of this.#silences) {
      const near = (this.#told.get(to) ?? []).filter(
        (one) => one.life === life && one.at > at - HOUR_MS - COMMITTED_WITHIN_MS && one.at < at + COMMITTED_WITHIN_MS,
      );
      const count = new Set(near.map(({ about }) => about)).size;
      const most = to === this.#terms.postmaster ? this.#terms.toPostmasterMax : this.#terms.perSenderMax;
      if (count < most)
        this.#bench.violation(
          "P2",
          `${name} failed, and ${to} was not told, who had heard of ${count} of ${most} messages`,
        );
    }
  }
}
