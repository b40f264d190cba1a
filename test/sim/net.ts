import { crc32 } from "node:zlib";
import type { ConnectTarget, Socket, SocketHandler, TlsFacts, Transport } from "../../src/ports/transport.ts";
import type { IncomingConnection } from "../../src/main/listeners.ts";
import { INBOUND_TIME } from "../../src/core/base/limits.ts";
import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { NextHop } from "./next-hop.ts";
import type { SiteBook } from "./oracle/sites.ts";
import { RelaySocket } from "./relay-socket.ts";
import type { Life, SimClock, Timeline } from "./timeline.ts";
import type { Trace } from "./trace.ts";
import { type Carriage, type End, Wire } from "./wire.ts";

/** How the network is now. */
export interface NetTrouble {
  /** Probabilities, of each connection. */
  readonly resets: number;
  readonly stalls: number;
  /** Times the usual latency. */
  readonly slowness: number;
  /** The addresses that `source` names are gone from this machine. */
  readonly isSourceGone: boolean;
}

export const QUIET: NetTrouble = { resets: 0, stalls: 0, slowness: 1, isSourceGone: false };

type ConnectHandler = SocketHandler & { connected(socket: Socket, facts: TlsFacts | undefined): void };

/** A mail thread that listens. */
export interface ListeningThread {
  readonly clock: SimClock;
  readonly connect: (connection: IncomingConnection) => void;
}

export interface NetParts {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly sites: SiteBook;
  /** Something keeps the relay from a next hop. */
  readonly troubled: (hop: string) => void;
  /** An address to connect from is not there. */
  readonly sourceGone: () => void;
  /** By address. */
  readonly hops: ReadonlyMap<string, NextHop>;
}

/** The network between the relay, its clients and the next hops. */
export class Net {
  readonly #parts: NetParts;
  readonly #wires = new Set<Wire>();
  readonly #listening = new Map<number, ListeningThread[]>();
  #count = 0;
  trouble: NetTrouble = QUIET;

  constructor(parts: NetParts) {
    this.#parts = parts;
  }

  /** The relay listens there; each of its mail threads. */
  open(port: number, listening: ListeningThread): void {
    this.#listening.set(port, [...(this.#listening.get(port) ?? []), listening]);
  }

  shut(port: number, listening: ListeningThread): void {
    this.#listening.set(
      port,
      (this.#listening.get(port) ?? []).filter((other) => other !== listening),
    );
  }

  /** The relay's process is gone: its system tells all that it talked with. */
  hangUp(): void {
    this.#listening.clear();
    for (const wire of this.#wires) {
      wire.relay.handler = undefined;
      wire.relay.reset("the process is gone");
    }
    this.#parts.sites.died();
  }

  /** A client's end of a new connection to the relay; undefined where nobody listens. */
  dial(address: string, port: number): Promise<End | undefined> {
    const { timeline, dice, faults } = this.#parts;
    const handshake = dice.happens(0.03) ? dice.pick(["fails", "hangs"] as const) : "stands";
    const carriage = this.#carriage(handshake);
    return new Promise((resolve) => {
      timeline.after(2 * carriage.latency, () => {
        const listening = this.#listening.get(port) ?? [];
        if (listening.length === 0) {
          faults.count("client-not-let-in");
          return resolve(undefined);
        }
        const wire = this.#wire(`in ${address}`, carriage);
        // The client's program has it before the greeting can come.
        resolve(wire.peer);
        return timeline.after(0, () => this.#incoming(dice.pick(listening), wire, address, port));
      });
    });
  }

  #incoming({ clock, connect }: ListeningThread, wire: Wire, address: string, port: number): void {
    connect({
      address,
      accept: (handler, isTlsFirst) => {
        const socket: RelaySocket = new RelaySocket({
          clock,
          handler,
          remote: { address, port },
          isVerified: false,
          opened: (facts) => facts !== undefined && handler.secured(facts),
          closed: () => undefined,
        });
        socket.stands(wire.relay, isTlsFirst, INBOUND_TIME.tlsHandshake);
        return socket;
      },
    });
  }

  /** For one run of the relay. */
  transport(clock: SimClock, life: Life): Transport & { prepare(): void } {
    return {
      prepare: () => undefined,
      connect: (target, handler) => this.#connect(clock, life, target, handler),
    };
  }

  #connect(clock: SimClock, life: Life, target: ConnectTarget, handler: ConnectHandler): Socket {
    const { timeline, faults, hops, sites, trace } = this.#parts;
    const hop = hops.get(target.address);
    const site = sites.opened(target.address, timeline.now);
    trace.add(timeline.now, `connect ${target.address}`);
    const isGood = hop?.traits.isVerifiable === true && hop.mood.isExpired !== true;
    const socket: RelaySocket = new RelaySocket({
      clock,
      handler,
      remote: { address: target.address, port: target.port },
      isVerified: isGood,
      opened: (facts) => handler.connected(socket, facts),
      closed: () => {
        if (!life.isDead) sites.closed(site);
      },
    });
    socket.standsWithin(target.connectTimeout);
    const carriage = this.#carriage(target.mustVerify && !isGood ? "fails" : "stands");
    clock.after(2 * carriage.latency, () => {
      if (target.source !== undefined && this.trouble.isSourceGone) {
        faults.count("net-source-gone");
        this.#parts.sourceGone();
        this.#parts.troubled(hop?.name ?? "");
        return socket.fails("source-unusable", `${target.source} is no address of this machine`);
      }
      if (hop === undefined || hop.mood.isDown === true) {
        faults.count("net-refused");
        this.#parts.troubled(hop?.name ?? "");
        return socket.fails("connect-failed", "connect ECONNREFUSED");
      }
      if (carriage.handshake !== "stands" || hop.mood.isSilent === true) this.#parts.troubled(hop.name);
      if (hop.mood.isSilent === true) return faults.count("net-silent"); // the deadline ends it
      const wire = this.#wire(`out ${target.address}`, carriage, () => this.#parts.troubled(hop.name));
      socket.stands(wire.relay, target.isImplicitTls, target.handshakeTimeout);
      return timeline.after(0, () => hop.accept(wire.peer));
    });
    return socket;
  }

  #wire(name: string, carriage: Carriage, troubled = (): void => undefined): Wire {
    const { timeline, dice, faults, trace } = this.#parts;
    const number = ++this.#count;
    const wire: Wire = new Wire({
      timeline,
      dice,
      carriage,
      heard: (by, octets) => trace.add(timeline.now, `${number} ${by} ${octets.length} ${crc32(octets)}`),
      fault: (kind) => {
        faults.count(`net-${kind}`);
        troubled();
      },
      whenGone: () => this.#wires.delete(wire),
    });
    trace.add(timeline.now, `${number} ${name}`);
    this.#wires.add(wire);
    return wire;
  }

  #carriage(handshake: Carriage["handshake"]): Carriage {
    const { dice } = this.#parts;
    const { resets, stalls, slowness } = this.trouble;
    return {
      latency: dice.magnitude(0.1, 30) * slowness,
      segmentsMax: dice.happens(0.1) ? 40 : 3,
      handshake,
      resetAfter: dice.happens(resets) ? dice.magnitude(10, 20_000) : undefined,
      stallAfter: dice.happens(stalls) ? dice.magnitude(10, 20_000) : undefined,
    };
  }
}
