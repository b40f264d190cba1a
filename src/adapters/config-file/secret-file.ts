import { realpath, stat } from "node:fs/promises";
import { utf8Text } from "../../core/base/bytes.ts";
import { CONFIG_FILES } from "../../core/base/limits.ts";
import { readBounded, reasonOf } from "./find.ts";
import { isGivenReadOnly } from "./mounts.ts";

const OTHERS_MAY_READ = 0o044;
/** Where container runtimes put secrets, with modes of their own. */
const RUNTIME_SECRETS = "/run/secrets/";

export type FileText =
  /** `warning`: what is not as it should be, and is used all the same. */
  | { readonly kind: "text"; readonly text: string; readonly warning?: string }
  | { readonly kind: "failed"; readonly why: string };

/** Others than its owner, as its group or at all. Links are followed. */
export async function mayOthersRead(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  return (mode & OTHERS_MAY_READ) !== 0;
}

/** Container runtimes mount secrets read-only, with a mode that cannot be changed here, and for this container alone. */
export async function isGivenByRuntime(path: string): Promise<boolean> {
  const place = await realpath(path);
  if (path.startsWith(RUNTIME_SECRETS) || place.startsWith(RUNTIME_SECRETS)) return true;
  return await isGivenReadOnly(place);
}

/** What a file holds, without the line end that editors leave behind. */
export async function readValueFile(path: string, what = "file"): Promise<FileText> {
  try {
    const octets = await readBounded(path, CONFIG_FILES.secretOctetsMax);
    if (octets === undefined) return { kind: "failed", why: `the ${what} ${path} is larger than 64 KiB` };
    const text = utf8Text(octets);
    if (text === undefined) return { kind: "failed", why: `the ${what} ${path} is not UTF-8 text` };
    return { kind: "text", text: text.replace(/\r?\n$/, "") };
  } catch (error) {
    return { kind: "failed", why: `the ${what} ${path} cannot be read: ${reasonOf(error)}` };
  }
}

/** The same of a secret. Others than its owner may not read it, unless it was mounted so. */
export async function readSecretFile(path: string): Promise<FileText> {
  const read = await readValueFile(path, "secret file");
  try {
    if (read.kind === "failed" || !(await mayOthersRead(path))) return read;
    const found = `the secret file ${path} can be read by others`;
    if (!(await isGivenByRuntime(path))) return { kind: "failed", why: `${found}; run chmod 600 ${path}` };
    return { ...read, warning: `${found}; it is mounted so, and used all the same` };
  } catch (error) {
    // It was there a moment ago: a secret that is being replaced.
    return { kind: "failed", why: `the secret file ${path} cannot be looked at: ${reasonOf(error)}` };
  }
}
