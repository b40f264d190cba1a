import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Certificate, selfSigned } from "./certificates.ts";
import { PATIENCE_MS } from "./patience.ts";

// Signed mail (RFC 1847) by the programs that people sign with, and whether it is still what was signed.

const BOUNDARY = "----what-is-signed";

/** How an entity is signed; both by a key of its own that lives as long as the test. */
export class Signer {
  readonly #folder = mkdtempSync(path.join(tmpdir(), "waypost-sign-"));
  readonly #smime: Certificate;

  constructor(address: string) {
    this.#smime = selfSigned("signer", `email:${address}`);
    writeFileSync(this.#file("key.pem"), this.#smime.key);
    writeFileSync(this.#file("certificate.pem"), this.#smime.certificate);
    this.#gpg("--passphrase", "", "--quick-generate-key", address, "ed25519", "sign", "2d");
  }

  /** Fields of content and body of a multipart/signed message. `entity`: a part with its header. */
  smime(entity: Buffer): Buffer {
    const signature = this.#openssl(
      entity,
      "-sign",
      "-binary",
      "-outform",
      "DER",
      "-signer",
      this.#file("certificate.pem"),
      "-inkey",
      this.#file("key.pem"),
    );
    return multipart("application/pkcs7-signature", "sha-256", entity, [
      'Content-Type: application/pkcs7-signature; name="smime.p7s"',
      "Content-Transfer-Encoding: base64",
      "",
      ...(signature.toString("base64").match(/.{1,64}/g) ?? []),
    ]);
  }

  pgp(entity: Buffer): Buffer {
    writeFileSync(this.#file("entity"), entity);
    const signature = this.#gpg(
      "--digest-algo",
      "SHA256",
      "--armor",
      "--detach-sign",
      "--output",
      "-",
      this.#file("entity"),
    );
    return multipart("application/pgp-signature", "pgp-sha256", entity, [
      "Content-Type: application/pgp-signature",
      "",
      ...signature.toString("latin1").trimEnd().split("\n"),
    ]);
  }

  /** Throws where the message is not what was signed. */
  verify(message: Buffer): void {
    const text = message.toString("latin1");
    if (text.includes("pkcs7-signature")) {
      this.#openssl(message, "-verify", "-purpose", "any", "-CAfile", this.#file("certificate.pem"));
      return;
    }
    const [, entity = "", signature = ""] = text.split(`\r\n--${BOUNDARY}`);
    writeFileSync(this.#file("got"), entity.slice(2), "latin1");
    writeFileSync(this.#file("signature"), signature.slice(signature.indexOf("\r\n\r\n") + 4), "latin1");
    this.#gpg("--verify", this.#file("signature"), this.#file("got"));
  }

  close(): void {
    execFileSync("gpgconf", ["--homedir", this.#folder, "--kill", "all"], { stdio: "pipe", timeout: PATIENCE_MS });
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }

  #openssl(input: Buffer, ...args: readonly string[]): Buffer {
    return execFileSync("openssl", ["cms", ...args], {
      input,
      stdio: "pipe",
      timeout: PATIENCE_MS,
      maxBuffer: 20_000_000,
    });
  }

  #gpg(...args: readonly string[]): Buffer {
    const home = ["--homedir", this.#folder, "--batch", "--yes", "--quiet"];
    return execFileSync("gpg", [...home, ...args], { stdio: "pipe", timeout: PATIENCE_MS });
  }
}

function multipart(protocol: string, micalg: string, entity: Buffer, signature: readonly string[]): Buffer {
  const type = `Content-Type: multipart/signed; protocol="${protocol}"; micalg=${micalg};\r\n\tboundary="${BOUNDARY}"`;
  return Buffer.concat([
    Buffer.from(`MIME-Version: 1.0\r\n${type}\r\n\r\n--${BOUNDARY}\r\n`),
    entity,
    Buffer.from(`\r\n--${BOUNDARY}\r\n${signature.join("\r\n")}\r\n\r\n--${BOUNDARY}--\r\n`),
  ]);
}
