import { createHash } from "node:crypto";
import net from "node:net";
import type { Chance } from "./chance.ts";
import { PATIENCE_MS } from "./patience.ts";

// The sink of the accounting harness: an SMTP server that shares no code with the relay. It waits its latency, then
// logs, then answers, so that what it answered 250 to is in its log.

/** Where the source's own octets begin: what stands before was added on the way. */
export const MARK = "X-Proof-Id:";

/**
 * Shares of what it does wrong, 0 to 1. Refusals are given to recipients and to final dots in equal parts. What comes from
 * the null sender, which is reports, is taken without a fault: each has to arrive.
 */
export interface Faults {
  readonly tempfail: number;
  readonly permfail: number;
  /** It takes the message and closes the connection instead of an answer. */
  readonly closeAfterDot: number;
}

export const NO_FAULTS: Faults = { tempfail: 0, permfail: 0, closeAfterDot: 0 };

/** One message as it was taken. Times are `performance.now()`. */
export interface Copy {
  readonly from: string;
  readonly recipients: readonly string[];
  /** SHA-256 from the mark on; empty where there is none. */
  readonly hash: string;
  /** SHA-256 of what follows the first empty line. */
  readonly bodyHash: string;
  readonly octets: number;
  /** When the final dot was read. */
  readonly dotAt: number;
  readonly loggedAt: number;
  /** Given to its connection when that was opened. */
  readonly epoch: number;
  readonly wasClosed: boolean;
  /** Octets as they came, dots unstuffed, on demand; always of a report. */
  readonly raw: Buffer | undefined;
}

export interface SinkOptions {
  readonly latencyMs?: number;
  readonly faults?: Faults;
  readonly chance?: Chance;
  /** What becomes of certain recipients at RCPT, whatever chance says. */
  readonly fateOf?: (recipient: string) => Fate | undefined;
  readonly hasPipelining?: boolean;
  /** Without it messages come in 7 bits. */
  readonly hasEightBitMime?: boolean;
  readonly keepsRaw?: boolean;
  readonly address?: string;
  readonly port?: number;
  /** A number that is stamped on connections. */
  readonly epoch?: () => number;
  /** It was told something: a command, or the end of a content. */
  readonly onTold?: () => void;
  readonly onCopy?: (copy: Copy) => void;
  /** A recipient got a 5yz. */
  readonly onRefused?: (recipient: string) => void;
  /** The transaction with that 5yz is over, on a connection that was opened in this epoch. */
  readonly onRefusalEnd?: (recipient: string, epoch: number) => void;
  /** A recipient got a 4yz. */
  readonly onDeferred?: (recipient: string) => void;
  /** A recipient was named in a transaction whose connection ended before its answer. */
  readonly onUnanswered?: (recipient: string) => void;
}

type Fate = "take" | "tempfail" | "permfail" | "close";

export class AccountingSink {
  readonly copies: Copy[] = [];
  readonly refused: string[] = [];
  readonly connections = new Set<Connection>();
  readonly options: SinkOptions;
  faults: Faults;
  readonly #server: net.Server;
  readonly #waiting = new Set<() => void>();

  static async start(options: SinkOptions = {}): Promise<AccountingSink> {
    const sink = new AccountingSink(options);
    await new Promise<void>((resolve, reject) => {
      sink.#server.once("error", reject);
      sink.#server.listen({ host: options.address ?? "127.0.0.1", port: options.port ?? 0 }, resolve);
    });
    return sink;
  }

  private constructor(options: SinkOptions) {
    this.options = options;
    this.faults = options.faults ?? NO_FAULTS;
    this.#server = net.createServer({ noDelay: true }, (socket) => {
      this.connections.add(new Connection(this, socket));
      this.#wake();
    });
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  log(copy: Copy): void {
    this.copies.push(copy);
    this.options.onCopy?.(copy);
    this.#wake();
  }

  refuse(recipient: string): void {
    this.refused.push(recipient);
    this.options.onRefused?.(recipient);
    this.#wake();
  }

  fate(): Fate {
    const { tempfail, permfail, closeAfterDot } = this.faults;
    const drawn = this.options.chance?.() ?? 1;
    if (drawn < tempfail / 2) return "tempfail";
    if (drawn < (tempfail + permfail) / 2) return "permfail";
    if (drawn < (tempfail + permfail) / 2 + closeAfterDot) return "close";
    return "take";
  }

  /** Resolves once `holds`, looking after every connection and every message. */
  async until(holds: (sink: AccountingSink) => boolean, withinMs = PATIENCE_MS): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!holds(this)) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`the sink has ${this.copies.length} messages, and not what was waited for`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Recipients that it took mail for, as often as it did. */
  recipients(): string[] {
    return this.copies.flatMap((copy) => copy.recipients);
  }

  /** Ends as if it were killed: what it has not logged by now it never took. New connections find it well. */
  die(): void {
    for (const connection of this.connections) connection.die();
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

const CR_LF = Buffer.from("\r\n");
const END = Buffer.from("\r\n.\r\n");

class Connection {
  readonly #sink: AccountingSink;
  readonly #socket: net.Socket;
  readonly #epoch: number;
  #input: Buffer = Buffer.alloc(0);
  /** Content so far, as it came; begins with a CR LF that is not part of it. */
  #content: Buffer[] | undefined;
  #tail: Buffer = Buffer.alloc(0);
  #from = "";
  #recipients: string[] = [];
  #refused: string[] = [];
  #isBusy = false;
  #isDead = false;

  constructor(sink: AccountingSink, socket: net.Socket) {
    this.#sink = sink;
    this.#socket = socket;
    this.#epoch = sink.options.epoch?.() ?? 0;
    socket.on("data", (octets: Buffer) => this.#receive(octets));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      for (const recipient of this.#recipients) sink.options.onUnanswered?.(recipient);
      if (!this.#isBusy) this.#endTransaction(); // what it is about to answer is taken, whoever is gone
      sink.connections.delete(this);
    });
    this.#say("220 sink.test ESMTP");
  }

  destroy(): void {
    this.#socket.destroy();
  }

  die(): void {
    this.#isDead = true;
    this.destroy();
  }

  #say(text: string): void {
    if (this.#socket.writable) this.#socket.write(`${text}\r\n`);
  }

  #receive(octets: Buffer): void {
    if (this.#isDead) return;
    this.#input = this.#input.length === 0 ? octets : Buffer.concat([this.#input, octets]);
    this.#work();
  }

  #work(): void {
    while (!this.#isBusy && this.#input.length > 0) {
      if (this.#content !== undefined) {
        const octets = this.#input;
        this.#input = Buffer.alloc(0);
        this.#take(octets);
        continue;
      }
      const end = this.#input.indexOf(CR_LF);
      if (end === -1) return;
      const line = this.#input.subarray(0, end).toString("latin1");
      this.#input = this.#input.subarray(end + 2);
      this.#obey(line);
    }
  }

  #refuse(recipient: string): void {
    this.#refused.push(recipient);
    this.#sink.refuse(recipient);
  }

  #endTransaction(): void {
    this.#recipients = [];
    for (const recipient of this.#refused.splice(0)) this.#sink.options.onRefusalEnd?.(recipient, this.#epoch);
  }

  #obey(line: string): void {
    this.#sink.options.onTold?.();
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === "MAIL" || verb === "RSET" || verb === "QUIT") this.#endTransaction();
    if (verb === "EHLO") {
      const { hasPipelining = true, hasEightBitMime = true } = this.#sink.options;
      const pipelining = hasPipelining ? "250-PIPELINING\r\n" : "";
      const eightBit = hasEightBitMime ? "250-8BITMIME\r\n250-SMTPUTF8\r\n" : "";
      return this.#say(`250-sink.test\r\n${pipelining}${eightBit}250 SIZE 104857600`);
    }
    if (verb === "HELO") return this.#say("250 sink.test");
    if (verb === "MAIL") {
      this.#from = pathOf(line);
      return this.#say("250 2.1.0 ok");
    }
    if (verb === "RCPT") return this.#rcpt(pathOf(line));
    if (verb === "DATA") {
      if (this.#recipients.length === 0) return this.#say("503 5.5.1 no recipient");
      this.#content = [CR_LF];
      this.#tail = CR_LF;
      return this.#say("354 go on");
    }
    if (verb === "RSET" || verb === "NOOP") return this.#say("250 2.0.0 ok");
    if (verb === "QUIT") {
      this.#say("221 2.0.0 bye");
      this.#socket.end();
      return undefined;
    }
    return this.#say("502 5.5.1 not here");
  }

  #rcpt(recipient: string): void {
    const fate = this.#sink.options.fateOf?.(recipient) ?? this.#fate();
    if (fate === "tempfail") {
      this.#sink.options.onDeferred?.(recipient);
      return this.#say("450 4.2.1 not now");
    }
    if (fate === "permfail") {
      this.#refuse(recipient);
      return this.#say("550 5.1.1 no such mailbox");
    }
    this.#recipients.push(recipient);
    return this.#say("250 2.1.5 ok");
  }

  /** Octets of content; what follows the final dot is input again. */
  #take(octets: Buffer): void {
    const seam = Buffer.concat([this.#tail, octets]);
    const end = seam.indexOf(END);
    if (end === -1) {
      this.#content!.push(octets);
      this.#tail = Buffer.from(seam.subarray(Math.max(0, seam.length - (END.length - 1))));
      return;
    }
    const ours = end + END.length - this.#tail.length;
    this.#content!.push(octets.subarray(0, ours));
    this.#input = octets.subarray(ours);
    const framed = Buffer.concat(this.#content!);
    this.#content = undefined;
    this.#isBusy = true;
    this.#sink.options.onTold?.();
    this.#answer(unstuffed(framed.subarray(0, framed.length - 3)), performance.now());
  }

  #answer(content: Buffer, dotAt: number): void {
    const { latencyMs = 0 } = this.#sink.options;
    const fate = this.#fate();
    setTimeout(() => {
      if (this.#isDead) return undefined;
      if (fate === "take" || fate === "close") this.#log(content, dotAt, fate === "close");
      if (fate === "permfail") for (const recipient of this.#recipients) this.#refuse(recipient);
      if (fate === "tempfail") for (const recipient of this.#recipients) this.#sink.options.onDeferred?.(recipient);
      if (fate === "close") return this.#socket.destroy();
      this.#say(
        fate === "take" ? "250 2.0.0 taken" : fate === "tempfail" ? "451 4.3.0 not now" : "554 5.6.0 not this one",
      );
      this.#isBusy = false;
      this.#endTransaction();
      this.#work();
      return undefined;
    }, latencyMs);
  }

  #fate(): Fate {
    return this.#from === "" ? "take" : this.#sink.fate();
  }

  #log(content: Buffer, dotAt: number, wasClosed: boolean): void {
    const mark = content.indexOf(`\r\n${MARK}`);
    const body = content.indexOf("\r\n\r\n");
    this.#sink.log({
      from: this.#from,
      recipients: this.#recipients,
      hash: content.indexOf(MARK) === 0 ? sha256(content) : mark === -1 ? "" : sha256(content.subarray(mark + 2)),
      bodyHash: sha256(body === -1 ? Buffer.alloc(0) : content.subarray(body + 4)),
      octets: content.length,
      dotAt,
      loggedAt: performance.now(),
      epoch: this.#epoch,
      wasClosed,
      raw: this.#sink.options.keepsRaw === true || this.#from === "" ? content : undefined,
    });
  }
}

export function sha256(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}

function pathOf(line: string): string {
  return /<(.*?)>/.exec(line)?.[1] ?? "";
}

/** Without the framing CR LF at the start, and without the dots of RFC 5321 section 4.5.2. */
function unstuffed(framed: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = 2;
  for (let at = framed.indexOf("\r\n."); at !== -1; at = framed.indexOf("\r\n.", at + 3)) {
    pieces.push(framed.subarray(from, at + 2));
    from = at + 3;
  }
  pieces.push(framed.subarray(from));
  return Buffer.concat(pieces);
}
