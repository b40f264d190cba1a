import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import type { Certificate } from "./certificates.ts";

// A mail server for tests that answers each command as its script says; it shares no code with the relay.

/** `CONNECT`, a verb, `BODY` for content that is long and not at its end, `CONTENT` for the final dot. */
export type Place =
  "BODY" | "CONNECT" | "EHLO" | "HELO" | "STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "CONTENT" | "RSET" | "QUIT";

export interface Told {
  /** Whole line, or the content. */
  readonly line: string;
  /** Envelope sender and recipients so far, as between the brackets. */
  readonly from: string;
  readonly to: readonly string[];
  readonly isTls: boolean;
}

/** Octets as they are, one character each, and what follows. */
export interface RawAnswer {
  readonly octets: string;
  /** So often, as fast as they are taken. */
  readonly times?: number;
  /** Each octet goes in a segment of its own. */
  readonly isBytewise?: boolean;
  readonly after?: "close" | "reset" | "silence";
}

/**
 * What is said, without CR LF: `close` ends the connection without a word, `reset` does so with RST, `silence` says
 * nothing any more.
 */
export type Answer = string | RawAnswer;

/** At `BODY` nothing is said where it does not answer. */
export type Script = (place: Place, told: Told) => Answer | undefined;

export interface TakenMessage {
  readonly from: string;
  readonly to: readonly string[];
  /** Lines of MAIL and RCPT. */
  readonly commands: readonly string[];
  /** As octets in a string, dots unstuffed. */
  readonly content: string;
  readonly isTls: boolean;
  /** Number of its connection, from 1. */
  readonly connection: number;
  /** Address of the other end, and the name it gave. */
  readonly peer: string;
  readonly name: string;
  /** By the wall clock. */
  readonly at: number;
}

export interface HostOptions {
  readonly address?: string;
  readonly port?: number;
  /** Lines of EHLO behind the first. */
  readonly keywords?: readonly string[];
  /** STARTTLS is offered with this certificate. */
  readonly certificate?: Certificate;
  readonly script?: Script;
  /** Before the answer to the final dot. */
  readonly latencyMs?: number;
}

export const USUAL: Readonly<Record<Place, string>> = {
  BODY: "",
  CONNECT: "220 host.test ESMTP",
  EHLO: "",
  HELO: "250 host.test",
  STARTTLS: "220 2.0.0 go",
  AUTH: "235 2.7.0 welcome",
  MAIL: "250 2.1.0 ok",
  RCPT: "250 2.1.5 ok",
  DATA: "354 go",
  CONTENT: "250 2.0.0 taken",
  RSET: "250 2.0.0 ok",
  QUIT: "221 2.0.0 bye",
};

/** Octets of content after which `BODY` is asked. */
const BODY_OCTETS = 64 * 1024;

/** Whether what is said begins with a whole reply that is a success (RFC 5321 section 4.2), blank lines aside. */
function isSuccess(octets: string): boolean {
  const [, reply] = /^(?:\r?\n)*((?:2\d\d-[^\n]*\n)*2\d\d(?: [^\n]*)?\r?\n)/.exec(octets) ?? [];
  return reply !== undefined && new Set([...reply.matchAll(/^\d{3}/gm)].map(([code]) => code)).size === 1;
}

export class ScriptedHost {
  readonly messages: TakenMessage[] = [];
  /** Command lines as they came, over all connections; when, by the wall clock. */
  readonly heard: { readonly line: string; readonly isTls: boolean; readonly at: number }[] = [];
  /** Connections so far, those that stand, and most at a time. */
  connections = 0;
  standing = 0;
  standingMax = 0;
  /** When each connection was opened, by the wall clock. */
  readonly openedAt: number[] = [];
  script: Script;
  readonly #options: HostOptions;
  readonly #sockets = new Set<net.Socket>();
  readonly #server: net.Server;

  static async start(options: HostOptions = {}): Promise<ScriptedHost> {
    const host = new ScriptedHost(options);
    host.#server.listen({ host: options.address ?? "127.0.0.1", port: options.port ?? 0 });
    await once(host.#server, "listening");
    return host;
  }

  private constructor(options: HostOptions) {
    this.#options = options;
    this.script = options.script ?? (() => undefined);
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Recipients that it took mail for, as often as it did. */
  recipients(): string[] {
    return this.messages.flatMap(({ to }) => to);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(raw: net.Socket): void {
    const connection = ++this.connections;
    const peer = raw.remoteAddress ?? "";
    this.standing++;
    this.standingMax = Math.max(this.standingMax, this.standing);
    this.openedAt.push(Date.now());
    this.#sockets.add(raw);
    raw.on("error", () => undefined);
    let isOver = false;
    // With the answer to QUIT, or with the connection: what the network still has to do is nobody's connection.
    const over = (): void => {
      if (!isOver) this.standing--;
      isOver = true;
    };
    raw.on("close", () => {
      over();
      this.#sockets.delete(raw);
    });
    let socket: net.Socket = raw;
    let input = "";
    let isContent = false;
    let isBodyAsked = false;
    let isLogin = false;
    let isTls = false;
    let isSilent = false;
    let name = "";
    let isBusy = false;
    let from = "";
    let to: string[] = [];
    let commands: string[] = [];

    const trickle = (octets: Buffer, at: number): void => {
      isBusy = at < octets.length;
      if (!isBusy) return take(Buffer.alloc(0));
      socket.write(octets.subarray(at, at + 1));
      setImmediate(() => trickle(octets, at + 1));
    };
    const utter = ({ octets, times = 1, isBytewise = false, after }: RawAnswer): void => {
      const piece = Buffer.from(octets, "latin1");
      isSilent = after !== undefined;
      if (isBytewise) return trickle(piece, 0);
      for (let n = 0; n < times; n++) socket.write(piece);
      if (after === "close") socket.end();
      if (after === "reset") socket.write("", () => raw.resetAndDestroy());
    };
    /** Says it, and whether it was a success. */
    const put = (answer: Answer): string => {
      if (answer === "close") socket.destroy();
      else if (answer === "reset") raw.resetAndDestroy();
      else if (answer === "silence") isSilent = true;
      else if (typeof answer === "string") socket.write(`${answer}\r\n`);
      else utter(answer);
      return typeof answer === "string" ? `${answer}\r\n` : answer.octets;
    };
    const say = (place: Place, line: string): string =>
      put(this.script(place, { line, from, to, isTls }) ?? this.#usual(place, isTls));
    const command = (line: string): void => {
      this.heard.push({ line, isTls, at: Date.now() });
      const verb = isLogin ? "AUTH" : (line.split(/[ :]/)[0]!.toUpperCase() as Place);
      if (!(verb in USUAL)) return void socket.write("500 5.5.1 what?\r\n");
      if (verb === "DATA" && to.length === 0 && this.script("DATA", { line, from, to, isTls }) === undefined)
        return void socket.write("503 5.5.1 no recipients\r\n");
      const inner = /<(.*?)>/.exec(line)?.[1] ?? "";
      if (verb === "EHLO" || verb === "HELO") name = line.slice(5);
      if (verb === "MAIL") {
        from = inner;
        to = [];
        commands = [];
      }
      const said = say(verb, line);
      isLogin = verb === "AUTH" && said.startsWith("334");
      if (verb === "MAIL" || verb === "RCPT") commands.push(line);
      if (verb === "RCPT" && isSuccess(said)) to = [...to, inner];
      if (verb === "DATA") isContent = /^(\r?\n)*(354-[^\n]*\n)*354[ \r\n]/.test(said);
      isBodyAsked = false;
      if (verb === "QUIT") {
        over();
        socket.end();
      }
      if (verb === "STARTTLS" && isSuccess(said)) secure();
    };
    const secure = (): void => {
      const { certificate } = this.#options;
      if (certificate === undefined) return void raw.destroy();
      raw.removeAllListeners("data");
      const secured = new tls.TLSSocket(raw, {
        isServer: true,
        key: certificate.key,
        cert: certificate.certificate,
      });
      secured.on("error", () => undefined);
      socket = secured;
      isTls = true;
      input = "";
      secured.on("data", take);
    };
    const finish = (content: string): void => {
      const recipients = to;
      if (isSuccess(say("CONTENT", content)))
        this.messages.push({ from, to: recipients, commands, content, isTls, connection, peer, name, at: Date.now() });
    };
    const take = (octets: Buffer): void => {
      input += octets.toString("latin1");
      for (;;) {
        if (isSilent || isBusy || socket.destroyed) return;
        if (isContent) {
          const whole = `\r\n${input}`;
          const end = whole.indexOf("\r\n.\r\n");
          if (end === -1) {
            if (isBodyAsked || input.length < BODY_OCTETS) return;
            isBodyAsked = true;
            const said = this.script("BODY", { line: "", from, to, isTls });
            return said === undefined ? undefined : void put(said);
          }
          const content = whole.slice(2, end + 2).replace(/^\./gm, "");
          input = whole.slice(end + 5);
          isContent = false;
          const { latencyMs = 0 } = this.#options;
          if (latencyMs > 0) setTimeout(finish, latencyMs, content);
          else finish(content);
          continue;
        }
        const end = input.indexOf("\r\n");
        if (end === -1) return;
        const line = input.slice(0, end);
        input = input.slice(end + 2);
        command(line);
      }
    };
    raw.on("data", take);
    say("CONNECT", "");
  }

  #usual(place: Place, isTls: boolean): string {
    if (place !== "EHLO") return USUAL[place];
    const { keywords = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"], certificate } = this.#options;
    const all = ["host.test", ...keywords, ...(certificate !== undefined && !isTls ? ["STARTTLS"] : [])];
    return all.map((keyword, at) => `250${at === all.length - 1 ? " " : "-"}${keyword}`).join("\r\n");
  }
}
