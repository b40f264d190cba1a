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

interface SystemError extends Error {
  readonly code?: unknown;
  readonly reason?: unknown;
}

export function errorText(error: SystemError): string {
  if (error instanceof AggregateError) return error.errors.map((e) => errorText(e as Error)).join("; ");
  const text = typeof error.reason === "string" ? error.reason : error.message;
  if (NOT_TLS.test(text)) return "the peer does not speak TLS on this port";
  if (!UNTRUSTED.has(String(error.code))) return text;
  const [what] = error.message.split(";", 1); // Node advises on its own options behind it
  return `the certificate is of no authority that is trusted here (${what}); smarthosts.NAME.tls_ca can name one`;
}

/** Only names of the certificate's subjectAltName count (RFC 9525 section 2): anybody may write anything into a CN. */
export function identityError(host: string, certificate: tls.PeerCertificate): Error | undefined {
  const names = certificate.subjectaltname;
  if (names === undefined) return new Error(`the certificate is not for ${host}: it has no subject alternative name`);
  if (tls.checkServerIdentity(host, certificate) === undefined) return undefined;
  return new Error(`the certificate is not for ${host}, but for ${names}`);
}
