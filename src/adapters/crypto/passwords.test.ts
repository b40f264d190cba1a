import { describe, expect, test } from "vitest";
import { PASSWORDS } from "../../core/base/limits.ts";
import type { CredentialSecret } from "../../core/config/config.ts";
import { parsePasswordHash, type PasswordHash } from "../../core/policy/password-hash.ts";
import { deriveHash, hashPassword } from "./argon2.ts";
import { PasswordVerifier, runningShare } from "./passwords.ts";
import { RememberedLogins } from "./remembered-logins.ts";

async function hashOf(password: string): Promise<CredentialSecret> {
  const hash = parsePasswordHash(await hashPassword(password));
  if ("kind" in hash) throw new Error(hash.why);
  return { kind: "hash", hash };
}

const CLAIMANT = { client: "192.0.2.1", isGone: () => false };
const PLAIN: CredentialSecret = { kind: "plain", password: "plain-password" };

async function setUp() {
  const clock = { at: 0, monotonic: () => clock.at };
  const derived: PasswordHash["parameters"][] = [];
  const credentials = [
    { username: "plain", secret: PLAIN },
    { username: "hashed", secret: await hashOf("hashed-password") },
  ];
  const derive = async (password: string, like: PasswordHash): Promise<Uint8Array> => {
    derived.push(like.parameters);
    return await deriveHash(password, like);
  };
  return { verifier: new PasswordVerifier({ credentials, clock, derive, runningMax: 1 }), clock, derived };
}

describe("passwords", () => {
  test("the right one is ok, whichever way the file holds it", async () => {
    const { verifier } = await setUp();
    expect(await verifier.verify("plain", "plain-password", CLAIMANT)).toBe("ok");
    expect(await verifier.verify("hashed", "hashed-password", CLAIMANT)).toBe("ok");
  });

  test.each([
    ["a wrong password", "plain", "hashed-password"],
    ["a wrong password for a hash", "hashed", "plain-password"],
    ["a longer password", "plain", "plain-password-and-more"],
    ["an unknown user", "nobody", "plain-password"],
    ["a name that every object has", "__proto__", "x"],
    ["no password", "plain", ""],
  ])("%s is wrong", async (_, username, password) => {
    const { verifier } = await setUp();
    expect(await verifier.verify(username, password, CLAIMANT)).toBe("wrong");
  });

  test("every answer costs one hash with the same parameters", async () => {
    const { verifier, derived } = await setUp();
    const attempts = [
      ["nobody", "x"],
      ["plain", "wrong"],
      ["hashed", "wrong"],
      ["plain", "plain-password"],
      ["hashed", "hashed-password"],
    ] as const;
    for (const [index, [username, password]] of attempts.entries()) {
      await verifier.verify(username, password, CLAIMANT);
      expect(derived).toHaveLength(index + 1);
    }
    expect(new Set(derived.map((parameters) => JSON.stringify(parameters))).size).toBe(1);
  });

  test("a success is remembered for a while, a failure never", async () => {
    const { verifier, clock, derived } = await setUp();
    const costOf = async (password: string): Promise<number> => {
      const before = derived.length;
      await verifier.verify("plain", password, CLAIMANT);
      return derived.length - before;
    };
    expect(await costOf("plain-password")).toBe(1);
    expect(await costOf("plain-password")).toBe(0);
    expect(await costOf("wrong")).toBe(1);
    expect(await costOf("wrong")).toBe(1);
    clock.at += PASSWORDS.rememberedFor;
    expect(await costOf("plain-password")).toBe(1);
  });

  test("a hash that cannot be made is our trouble, not a wrong password", async () => {
    const failure = Object.assign(new Error("out of memory"), { code: "ERR_CRYPTO_OPERATION_FAILED" });
    const clock = { monotonic: () => 0 };
    const verifier = new PasswordVerifier({
      credentials: [],
      clock,
      derive: () => Promise.reject(failure),
      runningMax: 1,
    });
    expect(await verifier.verify("nobody", "x", CLAIMANT)).toBe("busy");
  });
});

test("a flood of logins: so many hashes at a time, so many wait, the rest is turned away", async () => {
  const running: (() => void)[] = [];
  let atOnce = 0;
  const verifier = new PasswordVerifier({
    credentials: [{ username: "plain", secret: PLAIN }],
    clock: { monotonic: () => 0 },
    runningMax: 3,
    derive: async (_, like) => {
      await new Promise<void>((resolve) => {
        running.push(resolve);
        atOnce = Math.max(atOnce, running.length);
      });
      return like.hash;
    },
  });
  const served = 3 + PASSWORDS.waitingMax;
  const answers = Promise.all(Array.from({ length: served + 10 }, () => verifier.verify("plain", "wrong", CLAIMANT)));
  for (let left = served; left > 0; left--) {
    running.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const verdicts = await answers;
  expect(verdicts.filter((verdict) => verdict === "busy")).toHaveLength(10);
  expect(verdicts.filter((verdict) => verdict === "wrong")).toHaveLength(served);
  expect(atOnce).toBe(3);
  const later = verifier.verify("plain", "plain-password", CLAIMANT);
  running.shift()!();
  expect(await later).toBe("ok");
});

test.each([
  [1, 8, 7],
  [4, 8, 1],
  [3, 8, 2],
  [4, 2, 1],
  [1, 1, 1],
])("%i mail threads on %i cores check %i passwords each at a time", (threads, cores, each) => {
  expect(runningShare(threads, cores)).toBe(each);
  if (threads < cores) expect(each * threads).toBeLessThan(cores);
});

test("remembered logins are bounded; the oldest goes", () => {
  const remembered = new RememberedLogins({ clock: { monotonic: () => 0 }, countMax: 2, lifetime: 1 });
  for (const name of ["a", "b", "a", "c"]) remembered.add(name, "x");
  expect(["a", "b", "c"].filter((name) => remembered.has(name, "x"))).toEqual(["a", "c"]);
  expect(remembered.has("a", "y")).toBe(false);
});

test("a hash is never twice the same, and is one that the configuration takes", async () => {
  const [one, other] = await Promise.all([hashPassword("x"), hashPassword("x")]);
  expect(one).not.toBe(other);
  expect(parsePasswordHash(one)).toHaveProperty("salt");
});
