import net from "node:net";
import tls from "node:tls";
import { MARK, sha256 } from "./accounting-sink.ts";
import { type Chance, between } from "./chance.ts";

// The source of the accounting harness: an SMTP client that shares no code with the relay. It says that a message was
// acknowledged only after the 250 to its final dot.

export interface SourceMessage {
  readonly id: string;
  readonly from: string;
  readonly recipients: readonly string[];
  /** Begins with the mark; lines end in CR LF. */
  readonly content: Buffer;
  readonly hash: string;
  /** Of MAIL: `SMTPUTF8`. */
  readonly parameters?: string;
}

/** What the relay made of one message. */
export type SendResult =
  | {
      readonly kind: "acknowledged";
      readonly recipients: readonly string[];
      readonly reply: string;
      /** To recipients that it did not take. */
      readonly refusals: readonly string[];
    }
  | { readonly kind: "refused"; readonly reply: string }
  /** The connection died after the final dot: only the relay knows. */
  | { readonly kind: "unknown"; readonly recipients: readonly string[] }
  /** The connection died before it. */
  | { readonly kind: "not-sent" };

interface Route {
  readonly host: string;
  readonly localAddress?: string;
}

export interface SourceOptions {
  readonly port: number;
  readonly tls?: "none" | "starttls" | "implicit";
  /** Where the relay is, and where we come from. */
  readonly route?: Route;
  readonly auth?: { readonly mechanism: "PLAIN" | "LOGIN"; readonly username: string; readonly password: string };
}

/** The relay closed the connection, or it could not be had. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";
}

/** The relay answered something else than was expected. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
  readonly reply: string;
  constructor(doing: string, reply: string) {
    super(`${doing}: ${reply}`);
    this.reply = reply;
  }
}

function mailOf({ from, parameters }: SourceMessage): string {
  return `MAIL FROM:<${from}>${parameters === undefined ? "" : ` ${parameters}`}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

export class SourceSession {
  #socket: net.Socket;
  #input = "";
  #replies: string[] = [];
  #waiting: { resolve: (reply: string) => void; reject: (error: Error) => void } | undefined;
  #isLost = false;
  /** The final dot of a message is sent and not answered. */
  isOpen = false;

  /** Connects, secures and logs in as asked. Throws where the relay refuses any of it. */
  static async connect(options: SourceOptions): Promise<SourceSession> {
    const session = await SourceSession.open(options.port, options.tls === "implicit", options.route);
    await session.expect(220);
    await session.hello();
    if (options.tls === "starttls") {
      await session.startTls();
      await session.hello();
    }
    const { auth } = options;
    if (auth?.mechanism === "PLAIN") {
      await session.expect(235, `AUTH PLAIN ${base64(`\0${auth.username}\0${auth.password}`)}`);
    } else if (auth?.mechanism === "LOGIN") {
      await session.expect(334, "AUTH LOGIN");
      await session.expect(334, base64(auth.username));
      await session.expect(235, base64(auth.password));
    }
    return session;
  }

  /** Connects, and leaves the rest, the greeting too, to the caller. */
  static async open(port: number, isImplicit: boolean, route: Route = { host: "127.0.0.1" }): Promise<SourceSession> {
    const socket = isImplicit
      ? tls.connect({ ...route, port, rejectUnauthorized: false })
      : net.connect({ ...route, port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", (error) => reject(new ConnectionLostError(error.message)));
      socket.once(isImplicit ? "secureConnect" : "connect", resolve);
    });
    return new SourceSession(socket);
  }

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen();
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** The next reply, all its lines. */
  reply(): Promise<string> {
    const ready = this.#replies.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#isLost) return Promise.reject(new ConnectionLostError("the relay closed the connection"));
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  /** Sends a line as it is, and answers the reply. */
  command(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return this.reply();
  }

  async expect(code: number, line?: string): Promise<string> {
    const reply = await (line === undefined ? this.reply() : this.command(line));
    if (!reply.startsWith(String(code))) throw new ReplyError(line ?? "greeting", reply);
    return reply;
  }

  hello(): Promise<string> {
    return this.expect(250, "EHLO source.test");
  }

  async startTls(): Promise<void> {
    await this.expect(220, "STARTTLS");
    const plain = this.#socket;
    for (const name of ["data", "close", "error"]) plain.removeAllListeners(name);
    plain.on("error", () => plain.destroy());
    const secured = tls.connect({ socket: plain, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      secured.once("error", (error) => reject(new ConnectionLostError(error.message)));
      secured.once("secureConnect", resolve);
    });
    this.#socket = secured;
    this.#listen();
  }

  async send(message: SourceMessage): Promise<SendResult> {
    const accepted: string[] = [];
    const refusals: string[] = [];
    try {
      const mail = await this.command(mailOf(message));
      if (!mail.startsWith("250")) return { kind: "refused", reply: mail };
      let last = "";
      for (const recipient of message.recipients) {
        last = await this.command(`RCPT TO:<${recipient}>`);
        if (last.startsWith("250")) accepted.push(recipient);
        else refusals.push(last);
      }
      const data = accepted.length === 0 ? last : await this.command("DATA");
      if (!data.startsWith("354")) {
        await this.command("RSET");
        return { kind: "refused", reply: data };
      }
    } catch (error) {
      if (error instanceof ConnectionLostError) return { kind: "not-sent" };
      throw error;
    }
    this.#socket.write(stuffed(message.content));
    this.isOpen = true;
    try {
      const reply = await this.command(".");
      if (!reply.startsWith("250")) return { kind: "refused", reply };
      return { kind: "acknowledged", recipients: accepted, reply, refusals };
    } catch (error) {
      if (error instanceof ConnectionLostError) return { kind: "unknown", recipients: accepted };
      throw error;
    } finally {
      this.isOpen = false;
    }
  }

  /** Sends with BDAT (RFC 3030), in chunks that end at these places. Throws where anything is refused. */
  async sendChunks(message: SourceMessage, cuts: readonly number[]): Promise<void> {
    await this.expect(250, mailOf(message));
    for (const recipient of message.recipients) await this.expect(250, `RCPT TO:<${recipient}>`);
    let from = 0;
    for (const to of [...cuts, message.content.length]) {
      const last = to === message.content.length ? " LAST" : "";
      this.#socket.write(`BDAT ${to - from}${last}\r\n`);
      this.#socket.write(message.content.subarray(from, to));
      await this.expect(250);
      from = to;
    }
  }

  async quit(): Promise<void> {
    if (!this.#isLost) await this.command("QUIT").catch(() => "");
    this.destroy();
  }

  destroy(): void {
    this.#isLost = true;
    this.#socket.destroy();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.removeAllListeners("error");
    socket.on("data", (octets: Buffer) => this.#receive(octets.toString("latin1")));
    socket.on("error", (error: Error) => this.#lose(error.message));
    socket.on("close", () => this.#lose("the relay closed the connection"));
  }

  #receive(text: string): void {
    this.#input += text;
    for (;;) {
      const end = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r\n/.exec(this.#input);
      if (end === null) return;
      this.#input = this.#input.slice(end[0].length);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined) this.#replies.push(end[0].trimEnd());
      else waiting.resolve(end[0].trimEnd());
    }
  }

  #lose(text: string): void {
    this.#isLost = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new ConnectionLostError(text));
  }
}

const DOT = Buffer.from(".");

/** Dots doubled at the start of lines (RFC 5321 section 4.5.2). */
export function stuffed(content: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  if (content[0] === 0x2e) pieces.push(DOT);
  for (let at = content.indexOf("\r\n."); at !== -1; at = content.indexOf("\r\n.", at + 3)) {
    pieces.push(content.subarray(from, at + 2), DOT);
    from = at + 2;
  }
  if (from === 0 && pieces.length === 0) return content;
  pieces.push(content.subarray(from));
  return Buffer.concat(pieces);
}

/** More than one, because reports to one address are limited. */
const SENDERS = 100;

/** Makes messages that are all different: unique id, text that begins at a random line of a fixed pool. */
export class MessageFactory {
  readonly #chance: Chance;
  readonly #name: string;
  readonly #pool: Buffer;
  #made = 0;

  constructor(name: string, chance: Chance, octetsMax: number) {
    this.#chance = chance;
    this.#name = name;
    const lines: Buffer[] = [];
    for (let octets = 0; octets < octetsMax + 1000;) {
      // Lines of 0 to 200 characters, some with a dot at the start.
      const length = between(chance, 0, 200);
      const line = Buffer.alloc(length + 2);
      for (let i = 0; i < length; i++) line[i] = 0x20 + Math.floor(chance() * 0x5f);
      if (length > 1 && chance() < 0.1) line[0] = 0x2e;
      line.write("\r\n", length, "latin1");
      lines.push(line);
      octets += line.length;
    }
    this.#pool = Buffer.concat(lines);
  }

  /**
   * A message whose content has about that many octets; each recipient is an address that no other message has, and a
   * sender has few.
   */
  make(octets: number, recipients: number, domain: () => string = () => "dest.test"): SourceMessage {
    const sender = `app${this.#made % SENDERS}@example.test`;
    const id = `${this.#name}${(this.#made++).toString(36)}`;
    const fields = [
      `${MARK} ${id}`,
      `From: <${sender}>`,
      `Subject: message ${id}`,
      "Date: Thu, 1 Jan 2026 00:00:00 +0000",
      `Message-ID: <${id}@source.test>`,
    ];
    const header = `${fields.join("\r\n")}\r\n\r\n`;
    const wanted = Math.max(0, octets - header.length);
    const start = Math.floor(this.#chance() * Math.max(1, this.#pool.length - wanted));
    const lineEnd = this.#pool.indexOf("\r\n", start);
    const from = lineEnd === -1 || lineEnd + 2 + wanted > this.#pool.length ? 0 : lineEnd + 2;
    const cut = this.#pool.lastIndexOf("\r\n", from + wanted);
    const body = cut < from ? Buffer.alloc(0) : this.#pool.subarray(from, cut + 2);
    const content = Buffer.concat([Buffer.from(header), body]);
    return {
      id,
      from: sender,
      recipients: Array.from({ length: recipients }, (_, at) => `${id}.${at}@${domain()}`),
      content,
      hash: sha256(content),
    };
  }
}
