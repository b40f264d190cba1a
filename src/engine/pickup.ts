import { EMPTY, concatBytes } from "../core/base/bytes.ts";
import { unreachable } from "../core/base/invariant.ts";
import { INBOUND, KiB, SPOOL } from "../core/base/limits.ts";
import type { Duration } from "../core/base/time.ts";
import { isForAllMail } from "../core/inbound/trouble.ts";
import type { Timer } from "../ports/clock.ts";
import type { Identity } from "../core/policy/identity.ts";
import { type SpoolHead, messageMark, readHead } from "../core/submission/spooled.ts";
import { StorageError } from "../ports/content.ts";
import type { QueuePort } from "../ports/queue.ts";
import type { Spool, SpooledFile } from "../ports/spool.ts";
import type { Acceptance } from "./acceptance.ts";
import { type ListenerRules, Reception, type ReceptionParts } from "./reception.ts";
import { SpoolFailures } from "./spool-failures.ts";
import { type Refused, type RefusedFile, SpoolReporter, type SpoolReporterParts } from "./spool-reporter.ts";
import { SpoolRetries } from "./spool-retries.ts";
import { SpoolSession } from "./spool-session.ts";

export interface PickupParts extends SpoolReporterParts {
  readonly spool: Spool;
  readonly queue: Pick<QueuePort, "markOf" | "settleWithReports">;
  readonly reception: ReceptionParts;
  rules(): ListenerRules;
  /** The life of a message. */
  expire(): Duration;
  /** Who a user of this machine is to the relay. */
  identityOf(user: string, uid: number): Identity;
}

const PIECE_OCTETS = 64 * KiB;
const UNCLEAR =
  "a relay that was killed took it for some of its recipients, and by the routes of then: `queue list` and `trace` say who has it";
const TRANSIENT = "4";
const PERMANENT = "5";
const NOBODY_MAY_RELAY = "users of this machine may not relay: 127.0.0.1 is in no network of access.networks";

/** Whose mail it is. */
interface Owner {
  readonly uid: number;
  readonly user: string;
}

/** What became of a file that was offered to reception. */
type Taken =
  | { readonly kind: "taken"; readonly refused: readonly Refused[]; readonly isSenderRefused: boolean }
  /** A relay took it that was killed then, when others of its recipients were refused: some may have it, and some not. */
  | { readonly kind: "unclear" }
  /** Not now, and what was said; nothing of it was kept. */
  | { readonly kind: "later"; readonly reply: string };

/**
 * Takes in what users of this machine left in the spool while the relay was not there. A file is removed only after its
 * message is committed, together with its name: where the relay is killed in between, the next one finds the name in the
 * store, keeps nothing twice and removes the file (promises P1 to P3).
 */
export class Pickup {
  readonly #parts: PickupParts;
  readonly #reporter: SpoolReporter;
  readonly #retries = new SpoolRetries();
  readonly #failures: SpoolFailures;
  /** What kept the last look from being one. */
  #trouble: string | undefined;
  /** Of the last look, what is still to be tried. */
  #found: readonly string[] = [];
  /** Files that are there no more, and whose names are known still: at most those of one look. */
  #gone: string[] = [];
  /** Of what a relay before it left in the store, only names of files that are there are known still. */
  #isSwept = false;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: PickupParts) {
    this.#parts = parts;
    this.#reporter = new SpoolReporter(parts);
    this.#failures = new SpoolFailures(parts.recorder);
  }

  start(): void {
    this.#round = this.look().finally(() => {
      if (!this.#isStopped) this.#timer = this.#parts.reception.clock.after(SPOOL.look, () => this.start());
    });
  }

  /** Resolves when nothing of it is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#round;
    await this.#parts.spool.close();
  }

  /** Takes what is there now, as much as one look takes. */
  async look(): Promise<void> {
    try {
      await this.#forgetGone();
      if (this.#found.length === 0) await this.#find();
      await this.#takeFound();
      this.#trouble = undefined;
    } catch (error) {
      // The disk, or somebody removed the folder: later it may be well again. It is looked at every second, and said once.
      const text = textOf(error);
      if (text !== this.#trouble) this.#parts.recorder.record({ event: "spool.failed", file: undefined, text });
      this.#trouble = text;
    }
  }

  async #find(): Promise<void> {
    const { names, isAll } = await this.#parts.spool.look();
    if (isAll && !this.#isSwept) {
      await this.#parts.spool.sync();
      await this.#parts.queue.settleWithReports([{ kind: "spool", names, entry: "" }], []);
      this.#isSwept = true;
    }
    this.#found = [...names];
  }

  async #takeFound(): Promise<void> {
    const now = this.#now();
    this.#retries.forgetOld(now);
    const due = this.#found.filter((name) => this.#retries.isDue(name, now));
    this.#found = due.slice(SPOOL.perLook);
    for (let at = 0; at < Math.min(due.length, SPOOL.perLook); at += SPOOL.together) {
      if (this.#isStopped || this.#parts.reception.obstacle() !== undefined) return;
      await Promise.all(due.slice(at, Math.min(at + SPOOL.together, SPOOL.perLook)).map((name) => this.#takeOne(name)));
    }
  }

  /** Names of files that are gone for good need not be known any more. */
  async #forgetGone(): Promise<void> {
    if (this.#gone.length === 0) return;
    await this.#parts.spool.sync();
    await this.#parts.queue.settleWithReports([{ kind: "forget", names: this.#gone, entry: "" }], []);
    this.#gone = [];
  }

  async #takeOne(name: string): Promise<void> {
    try {
      if (!(await this.#isDone(name))) return;
      await this.#parts.spool.remove(name);
      this.#isGone(name);
    } catch (error) {
      const text = textOf(error);
      if (!(error instanceof StorageError)) return this.#putOff(name, text);
      this.#retries.delayed(name, this.#now());
      this.#failures.tell(name, text, this.#now());
    }
  }

  #isGone(name: string): void {
    this.#gone.push(name);
    this.#retries.forget(name);
  }

  /** Whether the file has to go. */
  async #isDone(name: string): Promise<boolean> {
    const opened = await this.#parts.spool.open(name);
    switch (opened.kind) {
      case "gone":
        this.#retries.forget(name);
        return false;
      case "unreadable":
        await this.#putOff(name, opened.why);
        return false;
      case "strange":
        return this.#bury(name, opened.why);
      case "file":
        try {
          return await this.#takeFile(name, opened.file);
        } finally {
          await opened.file.close();
        }
      default:
        return unreachable(opened);
    }
  }

  async #takeFile(name: string, file: SpooledFile): Promise<boolean> {
    const { head, rest, why } = await readStart(file);
    if (head === undefined) return this.#bury(name, why);
    const owner = this.#ownerOf(file, head);
    if (owner === undefined) return this.#bury(name, "only a file of the relay's own may say whose it was");
    const identity = this.#parts.identityOf(owner.user, owner.uid);
    if (identity.kind === "none") return (await this.#takenBefore(name)) ?? (await this.#bury(name, NOBODY_MAY_RELAY));
    const start = new Start(rest, file, head.octets);
    const taken = await this.#offer(name, head, identity, start);
    switch (taken.kind) {
      case "later":
        if (isForAllMail(taken.reply)) this.#retries.delayed(name, this.#now());
        else await this.#putOff(name, taken.reply);
        return false;
      case "unclear":
        return this.#bury(name, UNCLEAR);
      case "taken":
        if (taken.refused.length === 0) return true;
        if (taken.refused.length === head.recipients.length) {
          const before = await this.#takenBefore(name); // else the store was asked at the end of its content
          if (before !== undefined) return before;
        }
        return await this.#tell({ name, file, uid: owner.uid, head, identity, start: start.kept(), ...taken });
      default:
        return unreachable(taken);
    }
  }

  /**
   * Whether a file has to go of which nothing can be taken now, since a relay took it that was killed before it removed it; undefined
   * where none did. A report, or a file that is kept to be put back, would be about mail that went out.
   */
  async #takenBefore(name: string): Promise<boolean | undefined> {
    const mark = await this.#parts.queue.markOf(name);
    if (mark === undefined) return undefined;
    if (mark !== messageMark(name, [])) return await this.#bury(name, UNCLEAR);
    this.#parts.recorder.record({ event: "spool.known", file: name });
    return true;
  }

  /** Undefined: it says so, and that is not to be believed. */
  #ownerOf(file: SpooledFile, { of }: SpoolHead): Owner | undefined {
    if (of === undefined) return file;
    return file.isOurs ? { uid: of, user: this.#parts.spool.userOf(of) } : undefined;
  }

  /** To reception, which does with it what it does with everything. */
  async #offer(name: string, head: SpoolHead, identity: Identity, start: Start): Promise<Taken> {
    const { reception } = this.#parts;
    const rules = this.#parts.rules();
    const { acceptor } = reception;
    const refused: number[] = [];
    let known: Extract<Acceptance, { kind: "known" }> | undefined;
    const parts: ReceptionParts = {
      ...reception,
      acceptor: {
        accept: async (received) => {
          const acceptance = await acceptor.accept({ ...received, spooled: messageMark(name, refused) });
          if (acceptance.kind === "known") known = acceptance;
          return acceptance;
        },
      },
    };
    const session = new SpoolSession(new Reception(parts, rules, "", identity, () => undefined));
    try {
      const taken = await offer(session, rules.hostname, head, start, refused);
      if (known?.isOtherwise === true) return { kind: "unclear" };
      if (known !== undefined) this.#parts.recorder.record({ event: "spool.known", file: name });
      return taken;
    } finally {
      session.end();
    }
  }

  async #tell(file: RefusedFile): Promise<boolean> {
    const isDone = await this.#reporter.tell(file);
    if (!isDone) this.#isGone(file.name);
    return isDone;
  }

  async #bury(name: string, text: string): Promise<boolean> {
    const kept = await this.#parts.spool.bury(name);
    this.#isGone(name);
    this.#failures.tell(kept, text, this.#now());
    return false;
  }

  /**
   * It is this file that cannot be taken now. Where it is older than mail gets, and that has gone on for a while, it is kept
   * for an operator. Throws nothing: there is another try.
   */
  async #putOff(name: string, why: string): Promise<void> {
    const failingFor = this.#retries.failed(name, this.#now());
    let [file, text] = [name, why];
    try {
      if (failingFor >= SPOOL.failingMin && (await this.#isTooOld(name))) {
        file = await this.#parts.spool.bury(name);
        text = `given up, it is older than mail gets (\`retry.expire\`): ${why}`;
        this.#isGone(name);
      }
    } catch (error) {
      text = `${why}; and it cannot be moved: ${textOf(error)}`;
    }
    this.#failures.tell(file, text, this.#now());
  }

  async #isTooOld(name: string): Promise<boolean> {
    const leftAt = await this.#parts.spool.leftAt(name);
    return leftAt !== undefined && this.#parts.reception.clock.now() - leftAt > this.#parts.expire();
  }

  #now(): number {
    return this.#parts.reception.clock.monotonic();
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface ReadStart {
  readonly head: SpoolHead | undefined;
  /** What was read behind the head. */
  readonly rest: Uint8Array;
  readonly why: string;
}

/** In pieces that grow, so that a long head is looked through a few times only. */
async function readStart(file: SpooledFile): Promise<ReadStart> {
  let start: Uint8Array = new Uint8Array(0);
  for (let octetsMax = PIECE_OCTETS; ; octetsMax *= 4) {
    const wanted = Math.min(octetsMax, SPOOL.headOctetsMax) - start.length;
    const piece = await file.read(wanted);
    start = concatBytes([start, piece]);
    const head = readHead(start);
    const rest = head.kind === "head" ? start.subarray(head.contentAt) : start;
    if (head.kind === "malformed") return { head: undefined, rest, why: head.why };
    if (head.kind === "unfinished" && piece.length > 0) continue;
    if (head.kind === "head" && file.octets - head.contentAt === head.octets) return { head, rest, why: "" };
    return { head: undefined, rest, why: "it is not whole, or longer than it says" };
  }
}

/**
 * The content from its first octet, of which what goes back with a report is kept. Its owner may write to the file while it is
 * read: it has the octets that it said, so that nobody's grows for ever while others wait, and none is taken in part.
 */
class Start {
  readonly #file: SpooledFile;
  #rest: Uint8Array | undefined;
  #left: number;
  readonly #kept: Uint8Array;

  constructor(rest: Uint8Array, file: SpooledFile, octets: number) {
    this.#rest = rest.subarray(0, octets);
    this.#left = octets;
    this.#kept = this.#rest.slice(0, INBOUND.contentInMemoryMax);
    this.#file = file;
  }

  kept(): Uint8Array {
    return this.#kept;
  }

  /** An empty piece at the end. Throws where the file got shorter. */
  async next(): Promise<Uint8Array> {
    if (this.#left === 0) return EMPTY;
    const rest = this.#rest;
    this.#rest = undefined;
    const isRest = rest !== undefined && rest.length > 0;
    const piece = isRest ? rest : await this.#file.read(Math.min(PIECE_OCTETS, this.#left));
    if (piece.length === 0) throw new Error("it got shorter while it was read");
    this.#left -= piece.length;
    return piece;
  }
}

/** `refusedPlaces` gets the places of the recipients that are refused. */
async function offer(
  session: SpoolSession,
  hostname: string,
  head: SpoolHead,
  start: Start,
  refusedPlaces: number[],
): Promise<Taken> {
  const [mail = "", ...rcpts] = head.commands;
  const all = (reply: string, isSenderRefused = false): Taken =>
    reply.startsWith(PERMANENT)
      ? { kind: "taken", isSenderRefused, refused: head.recipients.map((recipient) => ({ recipient, reply })) }
      : { kind: "later", reply };
  await session.begin();
  await session.ask(`EHLO ${hostname}\r\n`);
  const toMail = await session.ask(mail);
  if (!toMail.startsWith("2")) return all(toMail, true);
  const refused: Refused[] = [];
  for (const [at, rcpt] of rcpts.entries()) {
    const reply = await session.ask(rcpt);
    if (reply.startsWith(TRANSIENT)) return { kind: "later", reply };
    if (!reply.startsWith(PERMANENT)) continue;
    refused.push({ recipient: head.recipients[at]!, reply });
    refusedPlaces.push(at);
  }
  if (refused.length === rcpts.length) return { kind: "taken", isSenderRefused: false, refused };
  const toData = await session.ask("DATA\r\n");
  if (!toData.startsWith("3")) return all(toData);
  const reply = await session.give(() => start.next());
  return reply.startsWith("2") ? { kind: "taken", isSenderRefused: false, refused } : all(reply);
}
