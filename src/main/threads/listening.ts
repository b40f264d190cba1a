import { hkdfSync } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { plainAddress } from "../../adapters/net/networks.ts";
import { type ServerTls, acceptSocket, acceptTlsSocket } from "../../adapters/net/socket.ts";
import { serverContexts } from "../../adapters/net/tls-context.ts";
import { INBOUND_TIME, SESSIONS } from "../../core/base/limits.ts";
import { type Listener, listenText } from "../../core/config/config.ts";
import {
  type IncomingConnection,
  type ListenerTerms,
  type Listeners,
  type ListenersParts,
  listenerTerms,
} from "../listeners.ts";
import type { ListeningPlace, RelayPlan } from "../plan.ts";
import type { SharedSessions } from "../session-count.ts";

interface TermsWithTls extends ListenerTerms {
  /** Undefined without TLS. */
  readonly tls: ServerTls | undefined;
}

interface Opening {
  readonly server: net.Server;
  /** Who connected before what was prepared holds; undefined from then on. */
  waiting: net.Socket[] | undefined;
  /** Of sessions that begin now. */
  terms: TermsWithTls;
}

type Openings = Map<string, Opening>;

/**
 * The listening sockets of a mail thread. What another plan listens on is opened beside what is open now, and takes its
 * place in one turn; a socket that both have stays open, so that no client finds the door shut.
 */
export class NetListeners implements Listeners {
  readonly #parts: ListenersParts;
  #open: Openings = new Map();
  #prepared: { readonly added: Openings; readonly terms: ReadonlyMap<string, TermsWithTls> } | undefined;

  constructor(parts: ListenersParts) {
    this.#parts = parts;
  }

  /** Answers the ports, in the order of the configuration. Rejects where a socket cannot be had; then nothing is open that was not. */
  async prepare(plan: RelayPlan, listening: readonly ListeningPlace[]): Promise<number[]> {
    const added: Openings = new Map();
    const terms = new Map<string, TermsWithTls>();
    const ports: number[] = [];
    try {
      for (const [at, listener] of plan.config.listeners.entries()) {
        const { address, place, descriptor } = listening[at]!;
        if (descriptor !== undefined && !this.#parts.isFirst) {
          ports.push(address.port);
          continue;
        }
        const found = termsOf(plan, at, this.#parts.sessions, place);
        const isOpen = this.#open.has(listenText(address));
        const opening = isOpen ? undefined : await this.#listen(listener, listening[at]!, plan, found);
        const port = opening === undefined ? address.port : (opening.server.address() as net.AddressInfo).port;
        const key = listenText({ host: address.host, port });
        if (opening !== undefined) added.set(key, opening);
        terms.set(key, found);
        ports.push(port);
      }
    } catch (error) {
      close(added);
      throw error;
    }
    this.#prepared = { added, terms };
    return ports;
  }

  /** What was prepared holds from now on. Sessions of listeners that are gone go on. */
  adopt(): void {
    if (this.#prepared === undefined) return;
    const { added, terms } = this.#prepared;
    this.#prepared = undefined;
    const all: Openings = new Map([...this.#open, ...added]);
    this.#open = new Map();
    for (const [key, opening] of all) {
      const found = terms.get(key);
      if (found === undefined) close(new Map([[key, opening]]));
      else {
        opening.terms = found;
        this.#open.set(key, opening);
        this.#letIn(opening);
      }
    }
  }

  abandon(): void {
    close(this.#prepared?.added ?? new Map());
    this.#prepared = undefined;
  }

  close(): void {
    this.abandon();
    close(this.#open);
  }

  #letIn(opening: Opening): void {
    const { waiting = [], terms } = opening;
    opening.waiting = undefined;
    for (const raw of waiting) {
      raw.removeAllListeners("error");
      if (!raw.destroyed) this.#parts.connected(incoming(raw, terms), terms);
    }
  }

  #connected(opening: Opening, raw: net.Socket): void {
    if (opening.waiting === undefined) return this.#parts.connected(incoming(raw, opening.terms), opening.terms);
    raw.on("error", () => undefined); // it is gone: nobody has heard of it yet
    if (opening.waiting.length < SESSIONS.waitingMax) opening.waiting.push(raw);
    else raw.destroy();
  }

  async #listen(
    listener: Listener,
    { address, descriptor }: ListeningPlace,
    { mailThreads }: RelayPlan,
    terms: TermsWithTls,
  ): Promise<Opening> {
    const server = net.createServer({ noDelay: true, pauseOnConnect: false }, (raw) => this.#connected(opening, raw));
    const opening: Opening = { server, terms, waiting: [] };
    if (descriptor === undefined) server.listen({ ...address, backlog: BACKLOG, reusePort: mailThreads > 1 });
    else server.listen({ fd: descriptor });
    await once(server, "listening");
    server.on("error", (error) => this.#parts.failed(listener.name, error));
    return opening;
  }
}

const BACKLOG = 1024;

function incoming(raw: net.Socket, { tls }: TermsWithTls): IncomingConnection {
  return {
    address: plainAddress(raw.remoteAddress ?? ""),
    accept: (handler, isTlsFirst) =>
      isTlsFirst && tls !== undefined ? acceptTlsSocket(raw, handler, tls) : acceptSocket(raw, handler, tls),
  };
}

function close(openings: Openings): void {
  for (const { server, waiting = [] } of openings.values()) {
    server.close();
    for (const raw of waiting) raw.destroy();
  }
}

function termsOf(plan: RelayPlan, at: number, shared: SharedSessions, place: number): TermsWithTls {
  const listener = plan.config.listeners[at]!;
  return {
    ...listenerTerms(plan, at, shared, place),
    tls: listener.tls === "none" ? undefined : tlsOf(plan, at, listener),
  };
}

/** A ticket of one listener is good on all mail threads, but on no other listener: their rules differ. */
function tlsOf({ certificates, ticketSecret }: RelayPlan, at: number, listener: Listener): ServerTls {
  const ticketKeys = Buffer.from(hkdfSync("sha256", ticketSecret, "", `tickets of ${listener.name}`, 48));
  return { ...serverContexts(certificates[at]!, ticketKeys), handshakeTimeout: INBOUND_TIME.tlsHandshake };
}
