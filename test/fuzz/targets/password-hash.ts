import { formatPasswordHash, parsePasswordHash } from "../../../src/core/policy/password-hash.ts";
import { type Target, holds, oneOf, same, textOf } from "../target.ts";

// What stands in a configuration for a password.

const HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";

const passwordHash: Target = {
  name: "password-hash",
  files: ["core/policy/password-hash.ts"],
  lengthMax: 400,
  seeds: [
    HASH,
    HASH.replace("19456", "7168"),
    HASH.replace("t=2", "t=10"),
    HASH.replace("p=1", "p=8"),
    HASH.replace("19456", "262144"),
    HASH.replace("argon2id", "argon2i"),
    `${HASH}=`,
  ],
  tokens: [
    "$",
    "argon2id",
    "v=19",
    "m=",
    "t=",
    "p=",
    ",",
    "7167",
    "262145",
    "11",
    "0",
    "9",
    "c2FsdHNhbHQ",
    "A",
    "==",
    "AA",
    "AAA",
  ],
  generate: (chance) => {
    const n = (list: readonly number[]): number => oneOf(chance, list);
    const octets = (list: readonly number[]): string => Buffer.alloc(n(list), 7).toString("base64").replaceAll("=", "");
    return `$argon2id$v=19$m=${n([7167, 7168, 19_456, 262_144, 262_145])},t=${n([0, 1, 10, 11])},p=${n([0, 1, 8, 9])}$${octets([7, 8, 64, 65])}$${octets([15, 16, 64, 65])}`;
  },
  check(text) {
    const found = parsePasswordHash(text);
    if ("kind" in found) {
      holds(found.why.length < 120, "it is said why");
      holds(!found.why.includes(text) || text.length < 40, "without the hash", found.why);
      const parts =
        /^\$argon2id\$v=19\$m=([1-9][0-9]{3,5}),t=([1-9]),p=([1-8])\$([A-Za-z0-9]{12,80})\$([A-Za-z0-9]{24,80})$/.exec(
          text,
        );
      const isWhole = parts !== null && parts[4]!.length % 4 === 0 && parts[5]!.length % 4 === 0;
      holds(!isWhole || Number(parts[1]) < 7168 || Number(parts[1]) > 262_144, "a plain hash is one", text);
      return;
    }
    const { memoryKiB, passes, parallelism } = found.parameters;
    holds(memoryKiB >= 7168 && memoryKiB <= 262_144, "memory is bounded", memoryKiB);
    holds(passes >= 1 && passes <= 10 && parallelism >= 1 && parallelism <= 8, "time is bounded", passes, parallelism);
    holds(found.salt.length >= 8 && found.salt.length <= 64, "a salt is long enough", found.salt.length);
    holds(found.hash.length >= 16 && found.hash.length <= 64, "a hash is long enough", found.hash.length);
    same(parsePasswordHash(formatPasswordHash(found)), found, "printed and parsed");
    const [, , , numbers = "", salt = "", hash = ""] = text.split("$");
    same(Buffer.from(salt, "base64").toString("latin1"), textOf(found.salt), "the salt is what stands there");
    same(Buffer.from(hash, "base64").toString("latin1"), textOf(found.hash), "the hash is what stands there");
    same(numbers.match(/[0-9]+/g)!.map(Number), [memoryKiB, passes, parallelism], "and so are the numbers");
  },
};

export const targets: readonly Target[] = [passwordHash];
