import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { utf8Text } from "../../core/base/bytes.ts";
import { CONFIG_FILES } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import type { PemFiles, TlsFiles } from "../../core/config/config.ts";
import { type ConfigIssue, issue } from "../../core/config/issue.ts";
import type { NamedFiles } from "../../core/config/named-files.ts";
import { type Findings, checkData } from "./data-check.ts";
import { readBounded, reasonOf } from "./find.ts";
import { isGivenByRuntime } from "./secret-file.ts";

export interface Looking {
  /** Terms of certificates are looked at where it is given. */
  readonly now?: Instant;
  /** Who is to use the files, where that is known: the number of its user. */
  readonly user?: number | undefined;
  /** Who looks, which is not always who runs the relay; this process unless said. */
  readonly looker?: number | undefined;
  /** What a relay that runs has read, maybe as another user: it goes on with that. */
  readonly holds?: readonly PemFiles[] | undefined;
}

/** Looks at the files that a configuration names, so that its check finds what would stop the start. Paths are absolute. */
export async function checkNamedFiles(files: NamedFiles, looking: Looking = {}): Promise<Findings> {
  const errors: ConfigIssue[] = [];
  const warnings: ConfigIssue[] = [];
  const pairs = files.pairs.map((pair) => checkPair(pair, looking));
  for (const { errors: wrong, warnings: odd } of [
    await checkData(files.data, looking),
    ...(await Promise.all(pairs)),
  ]) {
    errors.push(...wrong);
    warnings.push(...odd);
  }
  for (const { file, at } of files.authorities) {
    const authority = await read(file, parseCertificate, "no certificate in PEM");
    if (authority.kind === "failed") errors.push(issue(at, authority.why));
  }
  return { errors, warnings };
}

async function checkPair(files: TlsFiles, { now, holds = [] }: Looking): Promise<Findings> {
  const certificate = await read(files.certificate, parseCertificate, "no certificate in PEM");
  const key = await read(files.key, createPrivateKey, "no private key in PEM, or has a passphrase");
  const at = (name: string, why: string): ConfigIssue => issue([...files.at, name], why);
  const isHeld = holds.some((pair) => pair.certificate === files.certificate && pair.key === files.key);
  if (isHeld && (isClosed(certificate) || isClosed(key))) {
    const shown = `the relay's user may not read ${isClosed(key) ? files.key : files.certificate}`;
    const odd = `${shown}: it keeps the pair that it has, and one that was renewed needs a restart`;
    return { errors: [], warnings: [at(isClosed(key) ? "key" : "certificate", odd)] };
  }
  const errors = [
    ...(certificate.kind === "failed" ? [at("certificate", certificate.why)] : []),
    ...(key.kind === "failed" ? [at("key", key.why)] : []),
  ];
  if (certificate.kind === "failed" || key.kind === "failed") return { errors, warnings: [] };
  if (!certificate.value.checkPrivateKey(key.value))
    return { errors: [at("key", `${files.key} is not the key of the certificate ${files.certificate}`)], warnings: [] };
  const warnings: ConfigIssue[] = [];
  const term = now === undefined ? undefined : termProblem(certificate.value, now);
  if (term !== undefined) warnings.push(at("certificate", `${files.certificate} ${term}`));
  if (await isKeyShown(files.key))
    warnings.push(at("key", `everybody on this machine may read ${files.key}: run chmod o-r ${files.key}`));
  return { errors, warnings };
}

const EVERYBODY_MAY_READ = 0o004;

/** To a group a key may be open: distributions have one for those who need it. */
async function isKeyShown(key: string): Promise<boolean> {
  try {
    const { mode } = await stat(key);
    return (mode & EVERYBODY_MAY_READ) !== 0 && !(await isGivenByRuntime(key));
  } catch (error) {
    reasonOf(error); // it was there a moment ago, and is being replaced: the next look sees it
    return false;
  }
}

function termProblem({ validFromDate, validToDate }: X509Certificate, now: Instant): string | undefined {
  const consequence = "clients that check it do not send here";
  if (validToDate.getTime() < now) return `expired on ${validToDate.toISOString()}: ${consequence}`;
  if (validFromDate.getTime() > now) return `is not valid before ${validFromDate.toISOString()}: ${consequence}`;
  return undefined;
}

type Read<Value> =
  | { readonly kind: "read"; readonly value: Value }
  /** `isClosed`: this user may not read it. */
  | { readonly kind: "failed"; readonly why: string; readonly isClosed?: boolean };

function isClosed(read: Read<unknown>): boolean {
  return read.kind === "failed" && read.isClosed === true;
}

/** A file, and what `parse` makes of it; `otherwise` is what it is where that throws. */
async function read<Value extends X509Certificate | KeyObject>(
  file: string,
  parse: (text: string) => Value,
  otherwise: string,
): Promise<Read<Value>> {
  const text = await readText(file);
  if (text.kind === "failed") return text;
  try {
    return { kind: "read", value: parse(text.value) };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { kind: "failed", why: `${file} is ${otherwise} (${said})` };
  }
}

async function readText(file: string): Promise<Read<string>> {
  try {
    const octets = await readBounded(file, CONFIG_FILES.pemOctetsMax);
    const value = octets === undefined ? undefined : utf8Text(octets);
    return value === undefined ? { kind: "failed", why: `${file} is no PEM file` } : { kind: "read", value };
  } catch (error) {
    const isClosed = (error as NodeJS.ErrnoException).code === "EACCES";
    return { kind: "failed", why: `${file} cannot be read: ${reasonOf(error)}`, isClosed };
  }
}

function parseCertificate(text: string): X509Certificate {
  return new X509Certificate(text);
}
