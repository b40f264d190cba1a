import { stat } from "node:fs/promises";
import { utf8Text } from "../../core/base/bytes.ts";
import type { Substituted } from "./substitute.ts";
import { readBounded, reasonOf } from "./find.ts";

const SECRET_OCTETS_MAX = 64 * 1024;
const OTHERS_MAY_READ = 0o044;

/** What a secret file holds, without the line end that editors leave behind. Others than its owner may not read it. */
export async function readSecretFile(path: string): Promise<Substituted> {
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS_MAY_READ) !== 0) {
      return { kind: "failed", why: `the secret file ${path} can be read by others; run chmod 600 ${path}` };
    }
    const octets = await readBounded(path, SECRET_OCTETS_MAX);
    if (octets === undefined) return { kind: "failed", why: `the secret file ${path} is larger than 64 KiB` };
    const text = utf8Text(octets);
    if (text === undefined) return { kind: "failed", why: `the secret file ${path} is not UTF-8 text` };
    return { kind: "text", text: text.replace(/\r?\n$/, "") };
  } catch (error) {
    return { kind: "failed", why: `the secret file ${path} cannot be read: ${reasonOf(error)}` };
  }
}
