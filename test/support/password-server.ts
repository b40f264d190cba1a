import net from "node:net";

// Says whether a login is right to servers that ask Dovecot (its authentication protocol 1.1), as Postfix can. Postfix
// speaks SMTP AUTH itself; only the book of passwords is here.

export interface Login {
  readonly username: string;
  readonly password: string;
}

export class PasswordServer {
  /** User names of the logins that were right. */
  readonly accepted: string[] = [];
  readonly #right: string;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  static async start(login: Login): Promise<PasswordServer> {
    const started = new PasswordServer(login);
    await new Promise<void>((resolve) => started.#server.listen(0, "127.0.0.1", resolve));
    return started;
  }

  private constructor(login: Login) {
    this.#right = Buffer.from(`\0${login.username}\0${login.password}`).toString("base64");
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => this.#sockets.delete(socket));
      socket.write(`VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t${"0".repeat(32)}\nDONE\n`);
      let input = "";
      socket.setEncoding("latin1").on("data", (text: string) => {
        input += text;
        const lines = input.split("\n");
        input = lines.pop()!;
        for (const line of lines) if (line.startsWith("AUTH\t")) socket.write(this.#judge(line.split("\t"), login));
      });
    });
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #judge([, id, mechanism, ...parameters]: readonly string[], { username }: Login): string {
    const isRight = mechanism === "PLAIN" && parameters.includes(`resp=${this.#right}`);
    if (isRight) this.accepted.push(username);
    return isRight ? `OK\t${id}\tuser=${username}\n` : `FAIL\t${id}\n`;
  }
}
