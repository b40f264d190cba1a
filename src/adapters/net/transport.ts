import * as net from "node:net";
import * as tls from "node:tls";
import { OUTBOUND } from "../../core/base/limits.ts";
import type { ConnectTarget, Socket, SocketHandler, TlsFacts, Transport } from "../../ports/transport.ts";
import { identityError, sourceTrouble } from "./error-text.ts";
import { NetSocket, type TlsRole } from "./socket.ts";
import { clientContext } from "./tls-context.ts";

type ConnectHandler = SocketHandler & { connected(socket: Socket, facts: TlsFacts | undefined): void };

/** Connections over the system's network. */
export class NetTransport implements Transport {
  readonly #contexts = new Map<string, tls.SecureContext>();
  readonly #authorityKey: string | undefined;

  /** `authorityKey`: where this user can name an authority; the configuration unless said. */
  constructor(authorityKey?: string) {
    this.#authorityKey = authorityKey;
  }

  /** Reads the authorities now, which takes some 60 ms, and not when the first connection wants them. */
  prepare(authorities: readonly string[]): void {
    this.#context(authorities);
  }

  connect(target: ConnectTarget, handler: ConnectHandler): Socket {
    const { address, port, source, family = "any" } = target;
    const raw = net.connect({
      host: address,
      port,
      noDelay: true,
      ...(source === undefined ? {} : { localAddress: source }),
      ...(family === "any" ? {} : { family: family === "ipv4" ? 4 : 6 }),
    });
    const socket = new NetSocket(
      raw,
      handler,
      this.#clientRole(target),
      (facts) => handler.connected(socket, facts),
      (error) => (source === undefined ? undefined : sourceTrouble(error, source, address)),
    );
    socket.standsWithin(target.connectTimeout);
    raw.once("connect", () => socket.stands(target.isImplicitTls));
    return socket;
  }

  #clientRole(target: ConnectTarget): TlsRole {
    const name = target.host.endsWith(".") ? target.host.slice(0, -1) : target.host;
    return {
      handshakeTimeout: target.handshakeTimeout,
      speaksFirst: true,
      doneEvent: "secureConnect",
      ...(this.#authorityKey === undefined ? {} : { authorityKey: this.#authorityKey }),
      wrap: (raw) =>
        tls.connect({
          socket: raw,
          host: name,
          ...(net.isIP(name) === 0 ? { servername: name } : {}), // RFC 6066 section 3: SNI is for names
          secureContext: this.#context(target.authorities),
          rejectUnauthorized: target.mustVerify,
          checkServerIdentity: (_, certificate) => identityError(name, certificate),
        }),
    };
  }

  #context(authorities: readonly string[]): tls.SecureContext {
    const key = authorities.join("\n");
    let context = this.#contexts.get(key);
    if (context === undefined) {
      if (this.#contexts.size === OUTBOUND.tlsContextsMax) this.#contexts.clear();
      context = clientContext(authorities);
      this.#contexts.set(key, context);
    }
    return context;
  }
}
