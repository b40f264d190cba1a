import { SESSIONS, SPOOL } from "../core/base/limits.ts";
import type { ListenerRules } from "../engine/reception.ts";
import type { Socket, SocketHandler } from "../ports/transport.ts";
import type { ListeningPlace, RelayPlan } from "./plan.ts";
import { SessionCount, type SharedSessions } from "./session-count.ts";

// What a mail thread has to know of listeners, whoever opens them: `threads/listening` does where the system has sockets.

/** The listeners of one mail thread. */
export interface Listeners {
  /** Answers the ports, in the order of the configuration. Rejects where one cannot be had; then nothing is open that was not. */
  prepare(plan: RelayPlan, listening: readonly ListeningPlace[]): Promise<number[]>;
  /** What was prepared holds from now on. */
  adopt(): void;
  abandon(): void;
  close(): void;
}

/** What listeners are made of, and whom they tell. */
export interface ListenersParts {
  /** The one thread that listens on sockets that were handed over. */
  readonly isFirst: boolean;
  readonly sessions: SharedSessions;
  connected(connection: IncomingConnection, terms: ListenerTerms): void;
  failed(listener: string, error: Error): void;
}

/** A connection that a client opened, before anybody has taken it. */
export interface IncomingConnection {
  readonly address: string;
  /** To be called once; `isTlsFirst`: TLS comes before the first octet of SMTP. */
  readonly accept: (handler: SocketHandler, isTlsFirst: boolean) => Socket;
}

/** What a session of a listener goes by, from its first octet to its last. */
export interface ListenerTerms {
  readonly rules: ListenerRules;
  readonly count: SessionCount;
  /** Its sessions run short. */
  readonly isUnderStress: () => boolean;
}

/** `place` is the listener's among the counts of sessions. */
export function listenerTerms(
  { config }: Pick<RelayPlan, "config">,
  at: number,
  shared: SharedSessions,
  place: number,
): ListenerTerms {
  const listener = config.listeners[at]!;
  const { sessionsPerListener, sessionsPerAddress, recipientsPerMessage, messagesPerConnection } = config.limits;
  const count = new SessionCount(shared, place, {
    sessionsMax: sessionsPerListener,
    perStrangerMax: sessionsPerAddress,
    perTrustedMax: Math.max(SESSIONS.perTrustedAddressMax, sessionsPerAddress),
  });
  return {
    rules: {
      name: listener.name,
      hostname: config.hostname,
      tls: listener.tls,
      isTlsRequired: listener.isTlsRequired,
      bareNewlines: listener.bareNewlines,
      messageOctetsMax: listener.messageOctetsMax,
      appendDomain: listener.appendDomain,
      recipientsMax: recipientsPerMessage,
      messagesPerConnectionMax: messagesPerConnection,
      hasCredentials: config.credentials.length > 0,
    },
    count,
    isUnderStress: () => count.sessions > sessionsPerListener * SESSIONS.stressShare,
  };
}

/** What mail of the spool has to keep to: what the most liberal listener would take, and a file is one message. */
export function spoolRules({ hostname, listeners }: RelayPlan["config"]): ListenerRules {
  return {
    name: "spool",
    hostname,
    tls: "none",
    isTlsRequired: false,
    bareNewlines: "reject",
    messageOctetsMax: Math.max(...listeners.map(({ messageOctetsMax }) => messageOctetsMax)),
    recipientsMax: SPOOL.recipientsMax,
    messagesPerConnectionMax: 1,
    hasCredentials: false,
  };
}
