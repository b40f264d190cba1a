import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { day, type Instant } from "../../core/base/time.ts";
import type { PemFiles } from "../../core/config/config.ts";
import { addressOctets } from "../../core/policy/network.ts";
import { syncFolder } from "../durable.ts";
import * as der from "./der.ts";

/** PEM texts. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly key: string;
}

export interface SelfSignedOptions {
  /** Besides localhost, 127.0.0.1 and ::1. A-labels. */
  readonly hostname: string;
  readonly now: Instant;
  readonly lifetimeDays?: number;
}

const LIFETIME_DAYS = 825; // the longest that all common clients take
const CLOCK_SLACK = 1 * day; // clients whose clock is behind take it at once

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

const COMMON_NAME_MAX = 64; // RFC 5280 appendix A.1; names count in subjectAltName only
const DIGITAL_SIGNATURE = Uint8Array.of(0x80);
const DIGITAL_SIGNATURE_UNUSED_BITS = 7;
const DNS_NAME = 2; // RFC 5280 section 4.2.1.6 GeneralName
const IP_ADDRESS = 7;

function extension(id: string, isCritical: boolean, contents: Uint8Array): Buffer {
  const critical = isCritical ? [der.TRUE] : [];
  return der.sequence(der.oid(id), ...critical, der.octetString(contents));
}

function generalName(name: string): Buffer {
  const address = addressOctets(name);
  return address === undefined
    ? der.contextPrimitive(DNS_NAME, Buffer.from(name, "ascii"))
    : der.contextPrimitive(IP_ADDRESS, Uint8Array.from(address));
}

/** RFC 5280 section 4.2.1.2 (1): SHA-1 of the public key's bits, which are the last 65 octets of a P-256 key's SPKI. */
function keyIdentifier(publicKey: Buffer): Buffer {
  return createHash("sha1").update(publicKey.subarray(-65)).digest();
}

function extensions(names: readonly string[], publicKey: Buffer): Buffer {
  const identifier = keyIdentifier(publicKey);
  return der.contextConstructed(
    3,
    der.sequence(
      extension(OID.basicConstraints, true, der.sequence()),
      extension(OID.keyUsage, true, der.bitString(DIGITAL_SIGNATURE, DIGITAL_SIGNATURE_UNUSED_BITS)),
      extension(OID.extendedKeyUsage, false, der.sequence(der.oid(OID.serverAuth))),
      extension(OID.subjectAltName, false, der.sequence(...names.map(generalName))),
      extension(OID.subjectKeyIdentifier, false, der.octetString(identifier)),
      extension(OID.authorityKeyIdentifier, false, der.sequence(der.contextPrimitive(0, identifier))),
    ),
  );
}

function distinguishedName(hostname: string): Buffer {
  const commonName = hostname.length <= COMMON_NAME_MAX ? hostname : "localhost";
  return der.sequence(der.setOf(der.sequence(der.oid(OID.commonName), der.utf8String(commonName))));
}

/** 127 random bits with the first one set: positive, unique, 16 octets (RFC 5280 section 4.1.2.2). */
function serialNumber(): Buffer {
  const octets = randomBytes(16);
  octets[0] = (octets[0]! & 0x7f) | 0x40;
  return der.unsignedInteger(octets);
}

const VERSION_3 = der.contextConstructed(0, der.unsignedInteger(Uint8Array.of(2)));
const ALGORITHM = der.sequence(der.oid(OID.ecdsaWithSha256));

function toBeSigned({ hostname, now, lifetimeDays = LIFETIME_DAYS }: SelfSignedOptions, publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: "spki", format: "der" });
  const name = distinguishedName(hostname);
  const names = [...new Set([hostname, "localhost", "127.0.0.1", "::1"])];
  const validity = der.sequence(
    der.time(new Date(now - CLOCK_SLACK)),
    der.time(new Date(now + lifetimeDays * day - CLOCK_SLACK)),
  );
  return der.sequence(VERSION_3, serialNumber(), ALGORITHM, name, validity, name, spki, extensions(names, spki));
}

function pem(label: string, octets: Buffer): string {
  const lines = octets.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** A certificate of nobody but itself (X.509 v3, EC P-256), for a start without one and for tests. */
export function selfSigned(options: SelfSignedOptions): CertificateAndKey {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const body = toBeSigned(options, publicKey);
  const signature = sign("sha256", body, { key: privateKey, dsaEncoding: "der" });
  const certificate = der.sequence(body, ALGORITHM, der.bitString(signature));
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: pem("PRIVATE KEY", privateKey.export({ type: "pkcs8", format: "der" })),
  };
}

/** The file is there whole or not at all, also after a power cut; `mode` holds from its first moment on. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(draft, "wx", mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Writes both PEM files, the key first and for its owner only. The folders have to be there. */
export async function writeCertificate(files: PemFiles, pair: CertificateAndKey): Promise<void> {
  await writeWhole(files.key, pair.key, 0o600);
  await writeWhole(files.certificate, pair.certificate, 0o644);
}
