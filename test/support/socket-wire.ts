import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { setTimeout as later } from "node:timers/promises";
import { selfSigned } from "../../src/adapters/crypto/certificate.ts";
import { acceptSocket, acceptTlsSocket, type ServerTls } from "../../src/adapters/net/socket.ts";
import { serverContexts } from "../../src/adapters/net/tls-context.ts";
import { SystemClock } from "../../src/adapters/system/clock.ts";
import { second } from "../../src/core/base/time.ts";
import { Reception } from "../../src/engine/reception.ts";
import { TestEngine } from "./engine.ts";
import { HOSTNAME, type TestListener } from "./listener.ts";
import type { StoredMessage } from "./machine.ts";
import { PATIENCE_MS } from "./patience.ts";
import type { Wire } from "./transcript.ts";

const { certificate, key } = selfSigned({ hostname: HOSTNAME, now: Date.now() });

/** Replies that are late on purpose are not waited for. */
class HastyClock extends SystemClock {
  override after(delay: number, call: () => void): ReturnType<SystemClock["after"]> {
    return super.after(delay <= 1 * second ? 0 : delay, call);
  }
}

/** One listener on loopback with the engine's reception behind it. */
export class TestServer {
  readonly engine: TestEngine;
  readonly server: net.Server;
  readonly receptions: Reception[] = [];

  constructor(listener: TestListener) {
    this.engine = new TestEngine(new HastyClock(), listener);
    const { rules, identity } = listener;
    const secure: ServerTls | undefined =
      rules.tls === "none" ? undefined : { ...serverContexts([{ certificate, key }]), handshakeTimeout: 5 * second };
    this.server = net.createServer({ noDelay: true }, (raw) => {
      const reception = new Reception(this.engine.parts, rules, "127.0.0.1", identity, () => undefined);
      this.receptions.push(reception);
      const isTlsFirst = secure !== undefined && rules.tls === "implicit";
      reception.start(
        isTlsFirst ? acceptTlsSocket(raw, reception, secure) : acceptSocket(raw, reception, secure),
        undefined,
      );
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return (this.server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server.close();
    await once(this.server, "close");
  }
}

/** A client that reads lines. */
export class LineClient {
  #stream: net.Socket;
  #input = "";
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(stream: net.Socket) {
    this.#stream = stream;
    this.#listen();
  }

  static async connect(port: number, isTls: boolean): Promise<LineClient> {
    const stream = isTls
      ? tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false })
      : net.connect({ host: "127.0.0.1", port });
    await once(stream, isTls ? "secureConnect" : "connect");
    return new LineClient(stream);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  async send(octets: Uint8Array): Promise<void> {
    if (this.#stream.destroyed) return;
    this.#stream.write(octets);
    await later(0); // a segment of its own, as far as a client can have its way
  }

  /** The next line; undefined where none comes in time, or the connection ended. */
  async line(patienceMs = PATIENCE_MS): Promise<string | undefined> {
    await this.#until(() => this.#input.includes("\r\n") || this.#isEnded, patienceMs);
    const end = this.#input.indexOf("\r\n");
    if (end === -1) return undefined;
    const line = this.#input.slice(0, end);
    this.#input = this.#input.slice(end + 2);
    return line;
  }

  async ended(patienceMs = PATIENCE_MS): Promise<boolean> {
    await this.#until(() => this.#isEnded, patienceMs);
    return this.#isEnded;
  }

  async startTls(): Promise<void> {
    const raw = this.#stream;
    raw.removeAllListeners("data").removeAllListeners("close");
    this.#stream = tls.connect({ socket: raw, rejectUnauthorized: false });
    await once(this.#stream, "secureConnect");
    this.#listen();
  }

  /** Says no more, hears the rest. */
  async end(): Promise<string> {
    this.#stream.end();
    await this.ended();
    this.#stream.destroy();
    return this.#input;
  }

  #listen(): void {
    this.#stream.setNoDelay(true);
    this.#stream.on("data", (octets: Uint8Array) => {
      this.#input += new TextDecoder().decode(octets);
      this.#wake();
    });
    this.#stream.on("error", () => undefined); // `close` follows
    this.#stream.on("close", () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  async #until(condition: () => boolean, patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }
}

/** A transcript's way to the engine's reception over a real connection. */
export class SocketWire implements Wire {
  readonly #server: TestServer;
  readonly #client: LineClient;

  constructor(server: TestServer, client: LineClient) {
    this.#server = server;
    this.#client = client;
  }

  static async open(listener: TestListener): Promise<SocketWire> {
    const server = new TestServer(listener);
    const port = await server.listen();
    return new SocketWire(server, await LineClient.connect(port, listener.rules.tls === "implicit"));
  }

  send(octets: Uint8Array): Promise<void> {
    return this.#client.send(octets);
  }

  startTls(): Promise<void> {
    return this.#client.startTls();
  }

  line(): Promise<string | undefined> {
    return this.#client.line();
  }

  isClosed(): Promise<boolean> {
    return this.#client.ended();
  }

  message(): StoredMessage | undefined {
    return this.#server.engine.message();
  }

  async end(): Promise<string> {
    const surplus = await this.#client.end();
    await this.#server.close();
    const crash = this.#server.engine.events.find((event) => event.event === "session.crashed");
    if (crash !== undefined) throw new Error(crash.text);
    return surplus;
  }
}
