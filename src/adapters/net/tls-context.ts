import { constants, X509Certificate } from "node:crypto";
import * as tls from "node:tls";

const COMMON: tls.SecureContextOptions = {
  minVersion: "TLSv1.2", // RFC 8996
  // A peer that asks for new handshakes makes us work for nothing; nobody else asks.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
};

/** PEM texts of a certificate with its chain, and of its key. */
export interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a server shows to its clients. */
export interface ServerContexts {
  /** To a client that names no host, or one that no certificate is for. */
  readonly context: tls.SecureContext;
  /** By what the client names (RFC 6066 section 3); absent where there is nothing to choose from. */
  readonly contextFor?: (host: string | undefined) => tls.SecureContext;
}

/**
 * Certificates for the same names, one with an RSA key and one with an ECDSA key, are one context: the client gets the one
 * that it can do. The first pair is the default. Throws where a text is no PEM, or a key is not its certificate's.
 * `ticketKeys`: 48 octets, shared by all threads.
 */
export function serverContexts(pairs: readonly PemPair[], ticketKeys?: Buffer): ServerContexts {
  const groups = new Map<string, { readonly certificate: X509Certificate; readonly pairs: PemPair[] }>();
  for (const pair of pairs) {
    const certificate = new X509Certificate(pair.certificate);
    const names = namesOf(certificate);
    const group = groups.get(names) ?? { certificate, pairs: [] };
    groups.set(names, group);
    group.pairs.push(pair);
  }
  const shown = [...groups.values()].map((group) => ({
    certificate: group.certificate,
    context: serverContext(group.pairs, ticketKeys),
  }));
  const context = shown[0]!.context;
  if (shown.length === 1) return { context };
  const isFor = (host: string, { certificate }: (typeof shown)[number]): boolean =>
    certificate.checkHost(host) !== undefined;
  return {
    context,
    contextFor: (host) => (host === undefined ? context : (shown.find((one) => isFor(host, one))?.context ?? context)),
  };
}

/** The same for certificates that are for the same names, in whichever order: a name with a comma in it is in quotes there. */
function namesOf({ subjectAltName, subject }: X509Certificate): string {
  const names = subjectAltName?.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g);
  return (
    names
      ?.map((name) => name.trim().toLowerCase())
      .toSorted()
      .join(",") ?? subject
  );
}

function serverContext(pairs: readonly PemPair[], ticketKeys: Buffer | undefined): tls.SecureContext {
  return tls.createSecureContext({
    ...COMMON,
    cert: pairs.map(({ certificate }) => certificate),
    key: pairs.map(({ key }) => key),
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
