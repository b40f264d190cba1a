import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** A self-signed certificate, made now by the openssl of this machine; `altNames` like `DNS:localhost,IP:127.0.0.1`. */
export function selfSigned(commonName: string, altNames?: string, kind: "ecdsa" | "rsa" = "ecdsa"): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "waypost-certificate-"));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const extension = altNames === undefined ? [] : ["-addext", `subjectAltName=${altNames}`];
  const how = kind === "rsa" ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const files = ["-keyout", key, "-out", certificate];
  try {
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", ...how, "-nodes", ...files, "-days", "2", "-subj", `/CN=${commonName}`, ...extension],
      { stdio: "pipe" },
    );
    return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
