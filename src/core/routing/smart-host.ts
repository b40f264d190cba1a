import type { PasswordAttempt } from "../smtp/sasl.ts";
import type { SiteTerms } from "./site-terms.ts";

/** A configured relay: looked up by name at every attempt, so that a repaired one acts at once. */
export interface SmartHost extends SiteTerms {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly isImplicitTls: boolean;
  /** `verify`: the certificate has to be good; always so with credentials. */
  readonly tls: "verify" | "opportunistic" | "none";
  readonly credentials: PasswordAttempt | undefined;
  /** PEM certificates to trust besides the system's. */
  readonly authorities: readonly string[];
}
