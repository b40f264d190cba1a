import type { TlsFacts } from "../ports/transport.ts";

/** As it stands in logs and with attempts: `none`, `TLSv1.3 verified`. */
export function tlsText(tls: TlsFacts | undefined): string {
  return tls === undefined ? "none" : `${tls.version} ${tls.isVerified ? "verified" : "unverified"}`;
}
