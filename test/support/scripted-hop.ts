import net from "node:net";

// A next hop whose replies a test decides, command by command, and that keeps what it sees with its time.

export interface HopMessage {
  /** The line of MAIL, and those of the recipients that were taken. */
  readonly mail: string;
  readonly rcpts: readonly string[];
  readonly content: Buffer;
}

export interface HopCommand {
  readonly line: string;
  /** `Date.now()` */
  readonly at: number;
}

/** What to say to a command line, or to `DOT`; undefined for the usual. */
export type HopAnswer = (line: string) => string | undefined;

export function addressIn(line: string): string {
  return /<(.*?)>/.exec(line)?.[1] ?? "";
}

export class ScriptedHop {
  readonly messages: HopMessage[] = [];
  readonly commands: HopCommand[] = [];
  readonly #answer: HopAnswer;
  readonly #keywords: readonly string[];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  static async start(answer: HopAnswer, keywords: readonly string[] = []): Promise<ScriptedHop> {
    const hop = new ScriptedHop(answer, keywords);
    await new Promise<void>((resolve) => hop.#server.listen({ host: "127.0.0.1", port: 0 }, resolve));
    return hop;
  }

  private constructor(answer: HopAnswer, keywords: readonly string[]) {
    this.#answer = answer;
    this.#keywords = keywords;
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Those from the null sender. */
  get reports(): HopMessage[] {
    return this.messages.filter(({ mail }) => addressIn(mail) === "");
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    let input = "";
    let content: string | undefined;
    let mail = "";
    let rcpts: string[] = [];
    const say = (text: string): void => void socket.write(`${text}\r\n`);
    const obey = (line: string): void => {
      this.commands.push({ line, at: Date.now() });
      const said = this.#answer(line);
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO" && said === undefined)
        return say(["250-hop.test", ...this.#keywords.map((word) => `250-${word}`), "250 8BITMIME"].join("\r\n"));
      if (verb === "MAIL") [mail, rcpts] = [line, []];
      if (verb === "RCPT" && said === undefined) rcpts.push(line);
      if (verb === "DATA" && said === undefined) {
        if (rcpts.length === 0) return say("503 5.5.1 no recipient");
        content = "";
        return say("354 go on");
      }
      return say(said ?? (verb === "QUIT" ? "221 bye" : "250 2.0.0 ok"));
    };
    const take = (): boolean => {
      if (content !== undefined) {
        const end = `\r\n${input}`.indexOf("\r\n.\r\n");
        if (end === -1) return false;
        content = input.slice(0, end).replaceAll(/^\.\./gm, ".");
        input = input.slice(end + 3);
        const said = this.#answer("DOT");
        if (said === undefined) this.messages.push({ mail, rcpts, content: Buffer.from(content, "latin1") });
        content = undefined;
        rcpts = [];
        say(said ?? "250 2.0.0 taken");
        return true;
      }
      const end = input.indexOf("\r\n");
      if (end === -1) return false;
      const line = input.slice(0, end);
      input = input.slice(end + 2);
      obey(line);
      return true;
    };
    socket.on("data", (octets: Buffer) => {
      input += octets.toString("latin1");
      while (take());
    });
    say("220 hop.test ESMTP");
  }
}
