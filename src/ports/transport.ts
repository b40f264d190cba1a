import type { Duration } from "../core/base/time.ts";

/** What is known of a TLS session once it stands. */
export interface TlsFacts {
  /** `TLSv1.3` */
  readonly version: string;
  /** `TLS_AES_256_GCM_SHA384` */
  readonly cipher: string;
  /** Outbound: the peer's certificate was checked against the name and is good. */
  readonly isVerified: boolean;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Why a socket is gone; `source-unusable`: nothing can come from `ConnectTarget.source`. `text` is the system's or TLS library's word, for operators; never sent to a peer. */
export interface SocketEnd {
  readonly kind: "ended" | "reset" | "connect-failed" | "source-unusable" | "tls-failed" | "closed-here";
  readonly text: string;
}

/** One connection. Nothing here throws for what a peer does; what happens comes to the handler. */
export interface Socket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Takes octets, or text that becomes UTF-8. False where more than the bound waits to be taken by the peer: then `drained` follows. */
  send(parts: readonly (Uint8Array | string)[]): boolean;
  /** Stops and goes on with reading. */
  pause(): void;
  resume(): void;
  /** Turns the connection into TLS; input that was not yet given to the handler is dropped. `secured` or `closed` follows. */
  startTls(): void;
  /** Sends what waits, then closes; after `linger` at the latest. */
  close(linger: Duration): void;
  /** Closes at once. */
  destroy(): void;
}

export interface SocketHandler {
  received(octets: Uint8Array): void;
  drained(): void;
  secured(tls: TlsFacts): void;
  /** The last call, exactly once. */
  closed(end: SocketEnd): void;
}

export interface ConnectTarget {
  /** Where to connect to: an address, or a name for the system to look up. */
  readonly address: string;
  /** Address of this machine to connect from; undefined: the system chooses. */
  readonly source?: string | undefined;
  /** Which addresses of a name are tried. */
  readonly family?: "any" | "ipv4" | "ipv6";
  /** The name that the certificate is checked against, and the SNI. */
  readonly host: string;
  readonly port: number;
  /** TLS from the first octet on. */
  readonly isImplicitTls: boolean;
  /** The certificate has to be good; otherwise the socket ends with `tls-failed`. */
  readonly mustVerify: boolean;
  /** PEM certificates to trust besides the system's. */
  readonly authorities: readonly string[];
  readonly connectTimeout: Duration;
  readonly handshakeTimeout: Duration;
}

export interface Transport {
  /** `connected` comes first (after the handshake where TLS is implicit), or `closed` with the reason. */
  connect(
    target: ConnectTarget,
    handler: SocketHandler & { connected(socket: Socket, tls: TlsFacts | undefined): void },
  ): Socket;
}
