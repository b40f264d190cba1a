import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { utf8Text } from "../../core/base/bytes.ts";
import { CONFIG_FILES } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import type { Config, TlsFiles } from "../../core/config/config.ts";
import { type ConfigIssue, configPathText, issue } from "../../core/config/issue.ts";
import { readBounded, reasonOf } from "./find.ts";

export interface Findings {
  readonly errors: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

/** Looks at the files that the configuration names, so that its check finds what would stop the start. */
export async function checkNamedFiles({ listeners, smartHosts }: Config, now: Instant): Promise<Findings> {
  const errors: ConfigIssue[] = [];
  const warnings: ConfigIssue[] = [];
  const pairs = new Map(listeners.flatMap(({ certificates }) => certificates.map((of) => [configPathText(of.at), of])));
  for (const files of pairs.values()) {
    const findings = await checkPair(files, now);
    errors.push(...findings.errors);
    warnings.push(...findings.warnings);
  }
  for (const { name, authorityFile } of smartHosts) {
    if (authorityFile === undefined) continue;
    const authority = await read(authorityFile, parseCertificate, "no certificate in PEM");
    if (authority.kind === "failed") errors.push(issue(["smarthosts", name, "tls_ca"], authority.why));
  }
  return { errors, warnings };
}

async function checkPair(files: TlsFiles, now: Instant): Promise<Findings> {
  const certificate = await read(files.certificate, parseCertificate, "no certificate in PEM");
  const key = await read(files.key, createPrivateKey, "no private key in PEM, or has a passphrase");
  const at = (name: string, why: string): ConfigIssue => issue([...files.at, name], why);
  const errors = [
    ...(certificate.kind === "failed" ? [at("certificate", certificate.why)] : []),
    ...(key.kind === "failed" ? [at("key", key.why)] : []),
  ];
  if (certificate.kind === "failed" || key.kind === "failed") return { errors, warnings: [] };
  if (!certificate.value.checkPrivateKey(key.value))
    return { errors: [at("key", `${files.key} is not the key of the certificate ${files.certificate}`)], warnings: [] };
  const term = termProblem(certificate.value, now);
  return { errors, warnings: term === undefined ? [] : [at("certificate", `${files.certificate} ${term}`)] };
}

function termProblem({ validFromDate, validToDate }: X509Certificate, now: Instant): string | undefined {
  const consequence = "clients that check it do not send here";
  if (validToDate.getTime() < now) return `expired on ${validToDate.toISOString()}: ${consequence}`;
  if (validFromDate.getTime() > now) return `is not valid before ${validFromDate.toISOString()}: ${consequence}`;
  return undefined;
}

type Read<Value> = { readonly kind: "read"; readonly value: Value } | { readonly kind: "failed"; readonly why: string };

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
    return { kind: "failed", why: `${file} cannot be read: ${reasonOf(error)}` };
  }
}

function parseCertificate(text: string): X509Certificate {
  return new X509Certificate(text);
}
