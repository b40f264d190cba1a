import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { day } from "../../core/base/time.ts";
import { type CertificateAndKey, selfSigned, writeCertificate } from "./certificate.ts";

const NOW = Date.now();
const PAIR = selfSigned({ hostname: "relay.example.com", now: NOW });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waypost-certificate-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Connects to a server with the certificate, checks it for `servername`, and tells the error, if any. */
async function handshake(pair: CertificateAndKey, servername: string): Promise<string> {
  const server = createServer({ cert: pair.certificate, key: pair.key }, (socket) => socket.end("ok"));
  server.on("tlsClientError", () => undefined); // the client tells
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: "127.0.0.1", port, servername, ca: pair.certificate });
  try {
    await once(socket, "secureConnect");
    return socket.authorized ? "verified" : String(socket.authorizationError);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    socket.destroy();
    server.close();
  }
}

describe("a self-signed certificate", () => {
  test.each(["localhost", "relay.example.com"])("is good for %s where it is trusted", async (name) => {
    expect(await handshake(PAIR, name)).toBe("verified");
  });

  test("is not good for another name", async () => {
    expect(await handshake(PAIR, "other.example.com")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("names the host, this machine and its loopback addresses", () => {
    const certificate = new X509Certificate(PAIR.certificate);
    expect(certificate.subjectAltName).toBe(
      "DNS:relay.example.com, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
    );
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(certificate.subject).toBe("CN=relay.example.com");
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(PAIR.key))).toBe(true);
  });

  test("holds from yesterday on for more than a year", () => {
    const certificate = new X509Certificate(PAIR.certificate);
    expect(certificate.validFromDate.getTime()).toBeLessThan(NOW);
    expect(certificate.validToDate.getTime()).toBeGreaterThan(NOW + 366 * day);
  });

  test("tells times after 2049 too", () => {
    const { certificate } = selfSigned({ hostname: "localhost", now: NOW, lifetimeDays: 365 * 40 });
    expect(new X509Certificate(certificate).validToDate.getTime()).toBeGreaterThan(Date.UTC(2060, 0));
  });

  test("takes a host name longer than a common name", async () => {
    const hostname = `${"a".repeat(60)}.${"b".repeat(60)}.example.com`;
    expect(await handshake(selfSigned({ hostname, now: NOW }), hostname)).toBe("verified");
  });

  test("is never the same twice", () => {
    const other = new X509Certificate(selfSigned({ hostname: "relay.example.com", now: NOW }).certificate);
    expect(other.serialNumber).not.toBe(new X509Certificate(PAIR.certificate).serialNumber);
    expect(other.serialNumber).toHaveLength(32);
  });
});

describe("the files", () => {
  const write = async () => {
    const files = { certificate: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    await writeCertificate(files, PAIR);
    return files;
  };

  test("are whole, the key is for its owner only, and nothing else is left", async () => {
    const files = await write();
    expect(readFileSync(files.certificate, "utf8")).toBe(PAIR.certificate);
    expect(readFileSync(files.key, "utf8")).toBe(PAIR.key);
    expect(statSync(files.key).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(["cert.pem", "key.pem"]);
  });

  test("leave nothing behind where they cannot be written", async () => {
    const missing = join(folder, "missing/key.pem");
    await expect(writeCertificate({ certificate: missing, key: missing }, PAIR)).rejects.toHaveProperty(
      "code",
      "ENOENT",
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
  test.skipIf(!hasOpenssl)("are what OpenSSL takes, also when it is strict", async () => {
    const { certificate } = await write();
    const text = execFileSync("openssl", ["x509", "-noout", "-text", "-in", certificate], { encoding: "utf8" });
    expect(text).toContain("ecdsa-with-SHA256");
    expect(text).toContain("ASN1 OID: prime256v1");
    expect(text).toContain("TLS Web Server Authentication");
    const options = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile", certificate];
    expect(execFileSync("openssl", ["verify", ...options, certificate], { encoding: "utf8" })).toContain(": OK");
  });
});
