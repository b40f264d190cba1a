import { stat } from "node:fs/promises";
import { utf8Text } from "../../core/base/bytes.ts";
import { CONFIG_FILES } from "../../core/base/limits.ts";
import type { Substituted } from "./substitute.ts";
import { readBounded, reasonOf } from "./find.ts";

const OTHERS_MAY_READ = 0o044;

/** Others than its owner, as its group or at all. */
export async function mayOthersRead(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  return (mode & OTHERS_MAY_READ) !== 0;
}

/** What a secret file holds, without the line end that editors leave behind. Others than its owner may not read it. */
export async function readSecretFile(path: string): Promise<Substituted> {
  try {
    if (await mayOthersRead(path)) {
      return { kind: "failed", why: `the secret file ${path} can be read by others; run chmod 600 ${path}` };
    }
    const octets = await readBounded(path, CONFIG_FILES.secretOctetsMax);
    if (octets === undefined) return { kind: "failed", why: `the secret file ${path} is larger than 64 KiB` };
    const text = utf8Text(octets);
    if (text === undefined) return { kind: "failed", why: `the secret file ${path} is not UTF-8 text` };
    return { kind: "text", text: text.replace(/\r?\n$/, "") };
  } catch (error) {
    return { kind: "failed", why: `the secret file ${path} cannot be read: ${reasonOf(error)}` };
  }
}
