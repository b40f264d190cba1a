import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ARGON2_DEFAULT, formatPasswordHash, parsePasswordHash } from "./password-hash.ts";

const GOOD = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27hA";

describe("password hashes", () => {
  test("a PHC string has parameters, salt and hash", () => {
    expect(parsePasswordHash(GOOD)).toMatchObject({
      parameters: ARGON2_DEFAULT,
      salt: new TextEncoder().encode("somesalt"),
    });
  });

  test("writing and reading is identity", () => {
    const octets = (minLength: number) => fc.uint8Array({ minLength, maxLength: 64 });
    fc.assert(
      fc.property(octets(8), octets(16), fc.integer({ min: 7168, max: 262_144 }), (salt, hash, memoryKiB) => {
        const value = { parameters: { memoryKiB, passes: 3, parallelism: 4 }, salt, hash };
        const parsed = parsePasswordHash(formatPasswordHash(value));
        expect(parsed).toEqual(value);
      }),
    );
  });

  test.each([
    ["", "expected an argon2id hash: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH"],
    ["$2b$12$abc", "expected an argon2id hash: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH"],
    [GOOD.replace("argon2id", "argon2i"), "expected an argon2id hash: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH"],
    [GOOD.replace("v=19", "v=16"), "expected an argon2id hash: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH"],
    [GOOD.replace("m=19456", "m=1024"), "m has to be 7168 to 262144"],
    [GOOD.replace("m=19456", "m=4194304"), "m has to be 7168 to 262144"],
    [GOOD.replace("t=2", "t=0"), "t has to be 1 to 10"],
    [GOOD.replace("p=1", "p=64"), "p has to be 1 to 8"],
    [GOOD.replace("c29tZXNhbHQ", "c2FsdA"), "the salt has to be 8 to 64 octets"],
    [GOOD.replace("RdescudvJCsgt3ub+b27hA", "Rdes"), "the hash has to be 16 to 64 octets"],
  ])("%s: %s", (text, why) => {
    expect(parsePasswordHash(text)).toEqual({ kind: "malformed", why });
  });
});
