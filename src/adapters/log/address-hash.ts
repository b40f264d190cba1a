import { createHmac, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { HashAddress } from "../../core/event-addresses.ts";
import { syncFolderNow } from "../durable.ts";

const KEY_OCTETS = 32;
const SHOWN_DIGITS = 16; // 64 bits: of a million addresses two share a hash in one relay of some thirty million

/** `h:` and 16 hexadecimal digits of HMAC-SHA-256: without the key nobody can try out addresses. */
export function addressHash(key: Uint8Array): HashAddress {
  return (address) => `h:${createHmac("sha256", key).update(address).digest("hex").slice(0, SHOWN_DIGITS)}`;
}

/**
 * The key in `file`, which is made where it is not there, for its owner alone, and is on stable storage when this returns.
 * Throws what the system says, and an `Error` where the file holds no key.
 */
export function readOrMakeLogKey(file: string): Uint8Array {
  if (!fs.existsSync(file)) makeKey(file);
  const key = fs.readFileSync(file);
  if (key.length !== KEY_OCTETS)
    throw new Error(`it has ${key.length} octets in place of ${KEY_OCTETS}; remove it, and a new one is made`);
  return key;
}

/** Under another name first: a key that a crash cut off is none. */
function makeKey(file: string): void {
  const unfinished = `${file}.new`;
  fs.rmSync(unfinished, { force: true });
  const descriptor = fs.openSync(unfinished, "wx", 0o600);
  try {
    fs.writeSync(descriptor, randomBytes(KEY_OCTETS));
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  fs.renameSync(unfinished, file);
  syncFolderNow(path.dirname(file));
}
