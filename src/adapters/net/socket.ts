import type * as net from "node:net";
import * as tls from "node:tls";
import { invariant } from "../../core/base/invariant.ts";
import { INBOUND, KiB } from "../../core/base/limits.ts";
import type { Duration } from "../../core/base/time.ts";
import type { Endpoint, Socket, SocketEnd, SocketHandler, TlsFacts } from "../../ports/transport.ts";
import { serverNameIn } from "./client-hello.ts";
import { errorText } from "./error-text.ts";
import { plainAddress } from "./networks.ts";
import type { ServerContexts } from "./tls-context.ts";

/** How a connection becomes TLS: as server or as client. */
export interface TlsRole {
  readonly handshakeTimeout: Duration;
  /** A client begins a handshake; a server waits for that, and reads which name is asked for. */
  readonly speaksFirst: boolean;
  /** By the name that the client asks for. */
  readonly choose?: (host: string | undefined) => tls.SecureContext;
  /** `context`: what was chosen. */
  wrap(raw: net.Socket, context?: tls.SecureContext): tls.TLSSocket;
  /** The event that says that the handshake is over and the peer was checked as far as it has to be. */
  readonly doneEvent: "secure" | "secureConnect";
  /** Where the authority of a peer that is not trusted can be named; the configuration where it is not there. */
  readonly authorityKey?: string;
}

export interface ServerTls extends ServerContexts {
  readonly handshakeTimeout: Duration;
}

/** Parts of a send that together have at most this many octets are copied into one write: cheaper than a vector of them. */
const JOINED_OCTETS_MAX = 16 * KiB;

const ASCII = /^[\0-\x7f]*$/;

const NOWHERE: Endpoint = { address: "", port: 0 };

function endpoint(address: string | undefined, port: number | undefined): Endpoint {
  if (address === undefined || port === undefined) return NOWHERE; // gone already; `closed` follows
  return { address: plainAddress(address), port };
}

function joined(parts: readonly (Uint8Array | string)[]): Uint8Array | string | undefined {
  if (parts.length === 1) return parts[0]!;
  let octets = 0;
  let isText = true;
  for (const part of parts) {
    isText &&= typeof part === "string";
    octets += typeof part === "string" ? Buffer.byteLength(part) : part.length;
  }
  if (isText) return parts.join("");
  if (octets > JOINED_OCTETS_MAX) return undefined;
  const whole = Buffer.allocUnsafe(octets);
  let at = 0;
  for (const part of parts) {
    if (typeof part === "string") at += whole.write(part, at);
    else {
      whole.set(part, at);
      at += part.length;
    }
  }
  return whole;
}

/** What one read brings at most: there is more where it is reached. */
const FULL_READ_OCTETS = 64 * KiB;
const FULL_READS_PER_TURN = 2;

type Phase = "connecting" | "open" | "securing" | "closing";

/** One TCP connection, with or without TLS, in either direction. */
export class NetSocket implements Socket {
  readonly #raw: net.Socket;
  readonly #handler: SocketHandler;
  readonly #role: TlsRole | undefined;
  readonly #sourceTrouble: (error: Error) => string | undefined;
  #stream: net.Socket;
  #phase: Phase = "connecting";
  readonly #opened: (tls: TlsFacts | undefined) => void;
  #isOpened = false;
  #end: SocketEnd | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isFull = false;
  #fullReads = 0; // in this turn of the event loop
  #local = NOWHERE;
  #remote = NOWHERE;

  readonly #onData = (octets: Uint8Array): void => {
    if (this.#phase !== "open") return;
    if (octets.length >= FULL_READ_OCTETS) this.#shareTurn();
    this.#handler.received(octets);
  };
  readonly #onDrain = (): void => {
    if (!this.#isFull) return;
    this.#isFull = false;
    if (this.#phase === "open") this.#handler.drained();
  };
  readonly #onError = (error: Error): void => {
    const trouble = this.#phase === "connecting" ? this.#sourceTrouble(error) : undefined;
    if (trouble !== undefined) this.#end ??= { kind: "source-unusable", text: trouble };
    this.#fail(errorText(error, this.#role?.authorityKey));
  };
  readonly #onEnd = (): void => {
    this.#end ??= this.#endOf("ended", "the peer closed the connection");
  };
  readonly #onClose = (): void => {
    clearTimeout(this.#timer);
    this.#detach(this.#stream);
    this.#phase = "closing";
    this.#raw.destroy();
    this.#handler.closed(this.#end ?? { kind: "ended", text: "the connection is gone" });
  };

  /**
   * `opened` is called once: when the connection stands, or after the handshake where TLS comes first. `sourceTrouble` says
   * what an error that comes before has against the address that the connection comes from.
   */
  constructor(
    raw: net.Socket,
    handler: SocketHandler,
    role: TlsRole | undefined,
    opened: (tls: TlsFacts | undefined) => void,
    sourceTrouble: (error: Error) => string | undefined = () => undefined,
  ) {
    this.#raw = raw;
    this.#stream = raw;
    this.#handler = handler;
    this.#role = role;
    this.#opened = opened;
    this.#sourceTrouble = sourceTrouble;
    // `drained` hangs on the stream's own mark; it has to be reached before ours is.
    invariant(raw.writableHighWaterMark <= INBOUND.pendingOutputMax, "the stream says when it is full");
    // Stays to the end, whatever else comes and goes: an error without a listener ends the process.
    raw.on("error", this.#onError);
    this.#attach(raw);
  }

  /** The connection stands: for a socket that was accepted, at once. */
  stands(isImplicitTls: boolean): void {
    this.#local = endpoint(this.#raw.localAddress, this.#raw.localPort);
    this.#remote = endpoint(this.#raw.remoteAddress, this.#raw.remotePort);
    this.#raw.setNoDelay(true); // what waits for an answer is written in one piece
    this.#phase = "open";
    clearTimeout(this.#timer);
    if (isImplicitTls) return this.startTls();
    this.#isOpened = true;
    this.#opened(undefined);
  }

  /** Ends the connection unless it stands by then. */
  standsWithin(timeout: Duration): void {
    this.#deadline(timeout, "the connection took too long");
  }

  get local(): Endpoint {
    return this.#local;
  }

  get remote(): Endpoint {
    return this.#remote;
  }

  /** Nothing goes in clear to a peer that waits for TLS, nor into a handshake: there is nobody yet to be told. */
  send(parts: readonly (Uint8Array | string)[]): boolean {
    const stream = this.#stream;
    if (this.#phase === "securing" || parts.length === 0) return true;
    if (this.#phase === "closing" || !stream.writable) return true; // `closed` tells
    const whole = joined(parts);
    if (whole === undefined) {
      stream.cork();
      for (const part of parts) stream.write(part);
      stream.uncork();
    } else if (typeof whole === "string" && ASCII.test(whole)) {
      stream.write(whole, "latin1"); // one octet a character, which the system need not find out
    } else stream.write(whole);
    if (stream.writableLength <= INBOUND.pendingOutputMax) return true;
    this.#isFull = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#phase === "open") this.#stream.pause(); // a handshake is not to be stopped
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#phase === "open") this.#stream.resume();
  }

  startTls(): void {
    const role = this.#role;
    invariant(role !== undefined, "the connection has TLS to start");
    if (this.#phase !== "open") return;
    this.#detach(this.#raw);
    // What came in clear and was not looked at must not become part of the TLS session, in either sense.
    while (this.#raw.read() !== null) continue;
    this.#phase = "securing";
    this.#deadline(role.handshakeTimeout, "the TLS handshake took too long");
    if (role.speaksFirst) this.#handshake(role);
    else this.#awaitHello(role);
  }

  #handshake(role: TlsRole, context?: tls.SecureContext): void {
    try {
      this.#stream = this.#wrapped(role, context);
    } catch (error) {
      this.#fail(errorText(error as Error, role.authorityKey)); // authorities that are no certificates
    }
    this.#attach(this.#stream);
  }

  /**
   * The client speaks first: who says nothing costs no more than in clear (some 60 KiB less than a handshake that waits), and of
   * who does it is known which name is asked for. What is read of it goes back, for the handshake to read.
   */
  #awaitHello(role: TlsRole): void {
    const raw = this.#raw;
    let hello = Buffer.alloc(0);
    const take = (octets: Buffer): void => {
      hello = Buffer.concat([hello, octets]);
      const found = serverNameIn(hello);
      if (found.kind === "incomplete") return;
      raw.off("data", take).off("end", this.#onEnd).off("close", this.#onClose);
      raw.pause();
      raw.unshift(hello);
      this.#handshake(role, role.choose?.(found.host));
    };
    raw.on("data", take).on("end", this.#onEnd).on("close", this.#onClose);
    raw.resume();
  }

  close(linger: Duration): void {
    if (this.#phase === "closing") return;
    if (this.#phase !== "open") return this.destroy();
    this.#end ??= { kind: "closed-here", text: "" };
    this.#phase = "closing";
    this.#timer = setTimeout(() => this.#stream.destroy(), linger);
    this.#stream.resume(); // to see the peer's end, and so that unread input does not reset what it has not read
    this.#stream.end();
  }

  destroy(): void {
    this.#end ??= { kind: "closed-here", text: "" };
    this.#phase = "closing";
    this.#stream.destroy();
  }

  /** A peer that sends as fast as it can would be read up to 32 times in a row while all others wait. */
  #shareTurn(): void {
    this.#fullReads++;
    if (this.#fullReads === 1) setImmediate(() => this.#nextTurn());
    if (this.#fullReads === FULL_READS_PER_TURN) this.#stream.pause();
  }

  #nextTurn(): void {
    this.#fullReads = 0;
    if (this.#phase === "open" && !this.#isPaused) this.#stream.resume();
  }

  #wrapped(role: TlsRole, context: tls.SecureContext | undefined): tls.TLSSocket {
    const stream = role.wrap(this.#raw, context);
    stream.once(role.doneEvent, () => this.#secured(stream));
    stream.on("error", this.#onError);
    return stream;
  }

  #attach(stream: net.Socket): void {
    stream.on("data", this.#onData);
    stream.on("drain", this.#onDrain);
    stream.on("end", this.#onEnd);
    stream.on("close", this.#onClose);
  }

  #detach(stream: net.Socket): void {
    stream.off("data", this.#onData);
    stream.off("drain", this.#onDrain);
    stream.off("end", this.#onEnd);
    stream.off("close", this.#onClose);
  }

  #secured(stream: tls.TLSSocket): void {
    if (this.#phase !== "securing") return;
    clearTimeout(this.#timer);
    this.#phase = "open";
    if (this.#isPaused) stream.pause();
    this.#tellSecured({
      version: stream.getProtocol() ?? "",
      cipher: stream.getCipher().standardName,
      isVerified: stream.authorized,
    });
  }

  #tellSecured(facts: TlsFacts): void {
    if (this.#isOpened) return this.#handler.secured(facts);
    this.#isOpened = true;
    this.#opened(facts);
  }

  #endOf(kind: "ended" | "reset", text: string): SocketEnd {
    if (this.#phase === "connecting") return { kind: "connect-failed", text };
    return { kind: this.#phase === "securing" ? "tls-failed" : kind, text };
  }

  #fail(text: string): void {
    this.#end ??= this.#endOf("reset", text);
    this.#stream.destroy(); // an error inside an established TLS session does not do it by itself
  }

  #deadline(timeout: Duration, text: string): void {
    this.#timer = setTimeout(() => this.#fail(text), timeout);
  }
}

function serverRole(server: ServerTls): TlsRole {
  return {
    handshakeTimeout: server.handshakeTimeout,
    speaksFirst: false,
    doneEvent: "secure",
    ...(server.contextFor && { choose: server.contextFor }),
    wrap: (raw, secureContext = server.context) => new tls.TLSSocket(raw, { isServer: true, secureContext }),
  };
}

/** Takes an accepted connection. With `server` the handler's side may `startTls`. */
export function acceptSocket(raw: net.Socket, handler: SocketHandler, server: ServerTls | undefined): Socket {
  const role = server === undefined ? undefined : serverRole(server);
  const socket = new NetSocket(raw, handler, role, () => {});
  socket.stands(false);
  return socket;
}

/** The same for implicit TLS: `secured` or `closed` is the first that the handler hears. */
export function acceptTlsSocket(raw: net.Socket, handler: SocketHandler, server: ServerTls): Socket {
  const socket = new NetSocket(raw, handler, serverRole(server), (facts) => handler.secured(facts!));
  socket.stands(true);
  return socket;
}
