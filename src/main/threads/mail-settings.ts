import { Networks } from "../../adapters/net/networks.ts";
import { unreachable } from "../../core/base/invariant.ts";
import type { Credential, ListenAddress } from "../../core/config/config.ts";
import type { Identity } from "../../core/policy/identity.ts";
import type { DestinationFinder } from "../../engine/destination.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CredentialVerifier } from "../../ports/credentials.ts";
import type { Entropy } from "../../ports/entropy.ts";
import type { Resolver } from "../../ports/resolver.ts";
import type { Endpoint } from "../../ports/transport.ts";
import type { RelayPlan } from "../plan.ts";
import { destinationFinder, nextHopTerms } from "./next-hops.ts";

/** What settings are made of besides the configuration. */
export interface SettingsParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  resolverFor(servers: readonly Endpoint[]): Resolver;
  /** `checkers`: how many check passwords at a time, on threads of their own. */
  verifierFor(credentials: readonly Credential[], checkers: number): CredentialVerifier;
}

/**
 * What a mail thread goes by that is made of the configuration. Another plan makes another one, which takes over what has
 * not changed: logins that are remembered, answers of the DNS.
 */
export class MailSettings {
  readonly plan: RelayPlan;
  readonly verifier: CredentialVerifier;
  readonly finder: DestinationFinder;
  readonly nextHops: ReturnType<typeof nextHopTerms>;
  readonly #networks: Networks;
  readonly #credentials: ReadonlyMap<string, Credential>;
  readonly #listening: readonly ListenAddress[];

  constructor(plan: RelayPlan, listening: readonly ListenAddress[], parts: SettingsParts, before?: MailSettings) {
    const { config, mailThreads } = plan;
    this.plan = plan;
    this.#listening = listening;
    this.#networks = new Networks(config.access.networks);
    this.#credentials = new Map(config.credentials.map((credential) => [credential.username, credential]));
    this.nextHops = nextHopTerms(plan);
    const old = before?.plan.config;
    this.verifier =
      before !== undefined && isSame(old?.credentials, config.credentials)
        ? before.verifier
        : parts.verifierFor(config.credentials, mailThreads);
    const finderTerms = (of: typeof config, at: typeof listening): unknown => [of.dns, of.delivery, of.hostname, at];
    this.finder =
      before !== undefined && isSame(finderTerms(before.plan.config, before.#listening), finderTerms(config, listening))
        ? before.finder
        : destinationFinder(config, listening, parts);
  }

  /** Who is known by an address. */
  identityAt(address: string): Identity {
    const network = this.#networks.find(address);
    if (network === undefined) return { kind: "none" };
    return { kind: "network", network, senders: this.plan.config.access.senders };
  }

  /** A user of this machine may what a client on it may: a message is not taken because the relay was down, nor refused for it. */
  localIdentity(user: string, uid: number): Identity {
    const here = [LOOPBACK_4, LOOPBACK_6]
      .map((address) => this.identityAt(address))
      .find(({ kind }) => kind !== "none");
    return here?.kind === "network" ? { kind: "local", user, uid, senders: here.senders } : { kind: "none" };
  }

  sendersOf(username: string): Credential["senders"] {
    return this.#credentials.get(username)?.senders ?? [];
  }

  /** Who somebody is by these settings that was `identity` by those before, at an address. */
  review(identity: Identity, address: string, before: MailSettings): Identity {
    switch (identity.kind) {
      case "none":
      case "local": // of one message, and over with it
        return identity;
      case "network": {
        const found = this.identityAt(address);
        return found.kind === "network" ? found : REVOKED;
      }
      case "credential": {
        const { username } = identity;
        const credential = this.#credentials.get(username);
        const isValid =
          credential !== undefined && isSame(credential.secret, before.#credentials.get(username)?.secret);
        return isValid ? { kind: "credential", username, senders: credential.senders } : REVOKED;
      }
      default:
        return unreachable(identity);
    }
  }
}

const LOOPBACK_4 = "127.0.0.1";
const LOOPBACK_6 = "::1";
const REVOKED: Identity = { kind: "none", wasRevoked: true };

/** Of plain data. */
export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
