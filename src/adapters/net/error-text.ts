import * as tls from "node:tls";

// What operators read of errors of the system and of the TLS library, in words that are true of this program.

const NOT_TLS = /wrong version number|packet length too long|unknown protocol|http request/;

/** Codes of OpenSSL for a chain that ends at nobody who is trusted. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Codes of bind(2) and connect(2) for an address that is not of this machine, of another family, or of no use for the way. */
const NO_SOURCE: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EINVAL"]);

interface SystemError extends Error {
  readonly syscall?: unknown;
  readonly code?: unknown;
  readonly reason?: unknown;
}

/** Where an authority can be named, besides the system's. */
const AUTHORITY_KEY = "smarthosts.NAME.tls_ca (without a file: WAYPOST_RELAYHOST_CA)";

export function errorText(error: SystemError, authorityKey: string = AUTHORITY_KEY): string {
  if (error instanceof AggregateError) return error.errors.map((e) => errorText(e as Error, authorityKey)).join("; ");
  const text = typeof error.reason === "string" ? error.reason : error.message;
  if (NOT_TLS.test(text)) return "the peer does not speak TLS on this port";
  if (!UNTRUSTED.has(String(error.code))) return text;
  const [what] = error.message.split(";", 1); // Node advises on its own options behind it
  return `the certificate is of no authority that is trusted here (${what}); ${authorityKey} can name one`;
}

/** What is wrong with the address that a connection to `address` was to come from; undefined where it is something else. */
export function sourceTrouble(error: SystemError, source: string, address: string): string | undefined {
  const isOurs = error.syscall === "bind" || error.syscall === "connect";
  if (!isOurs || !NO_SOURCE.has(String(error.code))) return undefined;
  const isForeign = error.syscall === "bind" && error.code === "EADDRNOTAVAIL";
  const what = isForeign ? "is no address of this machine" : `does not lead to ${address}`;
  const advice = "smarthosts.NAME.source or delivery.source has to name another one, or none";
  return `the source address ${source} ${what} (${error.message}); ${advice}`;
}

/** Only names of the certificate's subjectAltName count (RFC 9525 section 2): anybody may write anything into a CN. */
export function identityError(host: string, certificate: tls.PeerCertificate): Error | undefined {
  const names = certificate.subjectaltname;
  if (names === undefined) return new Error(`the certificate is not for ${host}: it has no subject alternative name`);
  if (tls.checkServerIdentity(host, certificate) === undefined) return undefined;
  return new Error(`the certificate is not for ${host}, but for ${names}`);
}
