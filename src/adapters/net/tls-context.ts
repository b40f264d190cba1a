import { constants } from "node:crypto";
import * as tls from "node:tls";

const COMMON: tls.SecureContextOptions = {
  minVersion: "TLSv1.2", // RFC 8996
  // A peer that asks for new handshakes makes us work for nothing; nobody else asks.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
};

/** PEM texts; throws where they are none, or do not belong together. `ticketKeys`: 48 octets, shared by all threads. */
export function serverContext(certificate: string, key: string, ticketKeys?: Buffer): tls.SecureContext {
  return tls.createSecureContext({
    ...COMMON,
    cert: certificate,
    key,
    ...(ticketKeys === undefined ? {} : { ticketKeys }),
  });
}

let roots: readonly string[] | undefined;

/** Node's own roots and the system's: a slim container has no others than the first. */
function trustedRoots(): readonly string[] {
  roots ??= [...new Set([...tls.getCACertificates("default"), ...tls.getCACertificates("system")])];
  return roots;
}

/** Trusts `authorities` (PEM) besides the roots. Costs some 20 ms: to be kept. */
export function clientContext(authorities: readonly string[]): tls.SecureContext {
  return tls.createSecureContext({ ...COMMON, ca: [...trustedRoots(), ...authorities] });
}
