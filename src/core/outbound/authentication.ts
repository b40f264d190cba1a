import { utf8 } from "../base/bytes.ts";
import { OUTBOUND } from "../base/limits.ts";
import { type Mechanism, type PasswordAttempt, encodeBase64, plainResponse } from "../smtp/sasl.ts";

/** PLAIN before LOGIN: it is a standard, and one round trip. Undefined where the server offers neither. */
export function chooseMechanism(offered: ReadonlySet<string>): Mechanism | undefined {
  return offered.has("PLAIN") ? "PLAIN" : offered.has("LOGIN") ? "LOGIN" : undefined;
}

/** The client's side of one AUTH exchange (RFC 4954). Its lines are secrets; challenges tell it nothing. */
export class Authentication {
  readonly #mechanism: Mechanism;
  readonly #credentials: PasswordAttempt;
  #challenges = 0;

  constructor(mechanism: Mechanism, credentials: PasswordAttempt) {
    this.#mechanism = mechanism;
    this.#credentials = credentials;
  }

  command(): string {
    if (this.#mechanism === "LOGIN") return "AUTH LOGIN\r\n";
    const whole = `AUTH PLAIN ${plainResponse(this.#credentials)}\r\n`;
    return whole.length <= OUTBOUND.authCommandOctetsMax ? whole : "AUTH PLAIN\r\n";
  }

  /** The line that answers a 334, or undefined where the server asks for more than there is to say. */
  response(): string | undefined {
    const challenge = ++this.#challenges;
    if (challenge > OUTBOUND.authChallengesMax) return undefined;
    // Some servers ignore the initial response of PLAIN and ask for it.
    if (this.#mechanism === "PLAIN") return `${plainResponse(this.#credentials)}\r\n`;
    if (challenge === 1) return `${encodeBase64(utf8(this.#credentials.username))}\r\n`;
    if (challenge === 2) return `${encodeBase64(utf8(this.#credentials.password))}\r\n`;
    return undefined;
  }
}
