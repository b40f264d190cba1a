import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificates.ts";
import { day } from "../../core/base/time.ts";
import type { Config } from "../../core/config/config.ts";
import { type ConfigIssue, configPathText } from "../../core/config/issue.ts";
import { type NamedFiles, namedFiles } from "../../core/config/named-files.ts";
import { parseConfig } from "../../core/config/parse.ts";
import { checkNamedFiles } from "./named-files.ts";

const PAIR = selfSigned("relay.test", "DNS:relay.test");
const NOW = Date.now(); // after the certificates were made: before that they are not good yet
const OTHER = selfSigned("relay.test", "DNS:relay.test");

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-files-"));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

function file(name: string, text?: string): string {
  const whole = path.join(folder, name);
  if (text !== undefined) fs.writeFileSync(whole, text, { mode: 0o600 });
  return whole;
}

function config(certificate: string, key: string, authority?: string): Config {
  const parsed = parseConfig({
    hostname: "relay.test",
    data: "/data",
    listeners: [{ listen: "127.0.0.1:0" }],
    tls: { certificate, key },
    smarthosts: { a: { url: "smtp://h.example", ...(authority === undefined ? {} : { tls_ca: authority }) } },
  });
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

/** The findings as lines. */
async function checked(of: Config, now: number): Promise<{ readonly errors: string[]; readonly warnings: string[] }> {
  const { errors, warnings } = await checkNamedFiles(namedFiles(of), { now });
  const line = ({ path: at, message }: ConfigIssue): string => `${configPathText(at)}: ${message}`;
  return { errors: errors.map(line), warnings: warnings.map(line) };
}

test("a pair that belongs together is right", async () => {
  const found = config(file("cert.pem", PAIR.certificate), file("key.pem", PAIR.key), file("ca.pem", PAIR.certificate));
  expect(await checked(found, NOW)).toEqual({ errors: [], warnings: [] });
});

test("everything that is missing is told", async () => {
  expect(await checked(config(file("cert.pem"), file("key.pem"), file("ca.pem")), NOW)).toEqual({
    errors: [
      `tls.certificate: ${file("cert.pem")} cannot be read: there is no such file`,
      `tls.key: ${file("key.pem")} cannot be read: there is no such file`,
      `smarthosts.a.tls_ca: ${file("ca.pem")} cannot be read: there is no such file`,
    ],
    warnings: [],
  });
});

test("a key of another certificate", async () => {
  const found = config(file("cert.pem", PAIR.certificate), file("key.pem", OTHER.key));
  const { errors } = await checked(found, NOW);
  expect(errors).toEqual([`tls.key: ${file("key.pem")} is not the key of the certificate ${file("cert.pem")}`]);
});

test.each([
  ["text", "this is no PEM"],
  ["a key in place of the certificate", PAIR.key],
  ["nothing", ""],
])("%s is no certificate", async (_, text) => {
  const { errors } = await checked(config(file("cert.pem", text), file("key.pem", PAIR.key)), NOW);
  expect(errors).toEqual([expect.stringContaining("cert.pem is no certificate in PEM")]);
});

test("a key with a passphrase cannot be used", async () => {
  const plain = file("plain.pem", PAIR.key);
  execFileSync("openssl", ["pkcs8", "-topk8", "-in", plain, "-out", file("key.pem"), "-passout", "pass:x"]);
  const { errors } = await checked(config(file("cert.pem", PAIR.certificate), file("key.pem")), NOW);
  expect(errors).toEqual([expect.stringContaining("key.pem is no private key in PEM, or has a passphrase")]);
});

test("a certificate whose time is over, or has not begun, is a warning", async () => {
  const found = config(file("cert.pem", PAIR.certificate), file("key.pem", PAIR.key));
  const late = await checked(found, NOW + 40_000 * day);
  expect(late).toEqual({ errors: [], warnings: [expect.stringContaining("cert.pem expired on 20")] });
  const early = await checked(found, NOW - 40_000 * day);
  expect(early).toEqual({ errors: [], warnings: [expect.stringContaining("cert.pem is not valid before 20")] });
});

test("a listener's own certificates are looked at too, and told by their place; those of all once", async () => {
  const [cert, key] = [file("cert.pem", PAIR.certificate), file("key.pem", PAIR.key)];
  const other = file("other.pem", OTHER.key);
  const parsed = parseConfig({
    hostname: "relay.test",
    data: "/data",
    tls: { certificate: cert, key: other },
    listeners: [
      { listen: "127.0.0.1:0" },
      {
        listen: "127.0.0.1:0",
        tls_certificates: [
          { certificate: cert, key },
          { certificate: cert, key: other },
        ],
      },
      { listen: "127.0.0.1:0" },
    ],
  });
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed));
  const why = `${other} is not the key of the certificate ${cert}`;
  expect((await checked(parsed.config, NOW)).errors).toEqual([
    `tls.key: ${why}`,
    `listeners[1].tls_certificates[1].key: ${why}`,
  ]);
});

test("a key that everybody may read is a warning, one that a group may read is not", async () => {
  const key = file("key.pem", PAIR.key);
  const found = config(file("cert.pem", PAIR.certificate), key);
  fs.chmodSync(key, 0o640);
  expect(await checked(found, NOW)).toEqual({ errors: [], warnings: [] });
  fs.chmodSync(key, 0o644);
  const warning = `tls.key: everybody on this machine may read ${key}: run chmod o-r ${key}`;
  expect(await checked(found, NOW)).toEqual({ errors: [], warnings: [warning] });
});

describe("the data folder", () => {
  const files = (data: string): NamedFiles => ({ data, pairs: [], authorities: [] });
  const texts = async (data: string, user?: number, looker?: number): Promise<readonly string[][]> => {
    const { errors, warnings } = await checkNamedFiles(files(data), { user, looker });
    return [errors, warnings].map((found) => found.map(({ message }) => message));
  };

  test("may be missing, and may not be a file", async () => {
    expect(await texts(path.join(folder, "data"))).toEqual([[], []]);
    const data = file("data", "");
    expect(await texts(data)).toEqual([[`${data} is a file: name a folder, which is made where it is not there`], []]);
  });

  const advice = "name a folder, which is made where it is not there";

  test("cannot be made below a file, or with a name that no file system takes", async () => {
    const above = file("data", "");
    const below = path.join(above, "a/b");
    expect(await texts(below)).toEqual([[`${below} lies below ${above}, which is a file: ${advice}`], []]);
    const long = path.join(folder, "x".repeat(300));
    expect(await texts(long)).toEqual([[`a name in ${long} is longer than the system takes: name another folder`], []]);
  });

  test.runIf(process.platform === "linux").each([
    ["/proc/waypost", "would be in /proc"],
    ["/proc", "is in /proc"],
    ["/sys/waypost/data", "would be in /sys"],
  ])("%s is no place for one", async (data, why) => {
    expect(await texts(data)).toEqual([[`${data} ${why}: ${advice}`], []]);
  });

  test("which others may list is said to its owner; of root's, which a container runtime made, nothing is", async () => {
    fs.chmodSync(folder, 0o750);
    if (process.getuid?.() === 0) {
      expect(await texts(folder)).toEqual([[], []]);
      fs.chownSync(folder, 12_345, 0);
    }
    const { uid } = fs.statSync(folder);
    const warning = `others may see which messages wait in ${folder}: run chmod 700 ${folder}`;
    expect(await texts(folder, undefined, uid)).toEqual([[], [warning]]);
    expect(await texts(folder, uid, uid + 1)).toEqual([[], []]);
    fs.chmodSync(folder, 0o700);
    expect(await texts(folder, uid, uid)).toEqual([[], []]);
  });

  test("is nobody's to write in but the relay's", async () => {
    const { uid } = fs.statSync(folder);
    expect(await texts(folder, uid)).toEqual([[], []]);
    for (const mode of [0o777, 0o770, 0o1777]) {
      fs.chmodSync(folder, mode);
      const warning = `other users may write in ${folder}, and so read, change and forge all mail: run chmod 700 ${folder}`;
      expect(await texts(folder, uid)).toEqual([[], [warning]]);
    }
  });

  test.runIf(process.getuid?.() === 0)("is not another user's, unless that is root", async () => {
    fs.chownSync(folder, 12_345, 0);
    const warning = `${folder} belongs to user 12345, who may read, change and forge all mail: run chown 0 ${folder}`;
    expect(await texts(folder, 0)).toEqual([[], [warning]]);
    expect(await texts(folder, 12_345)).toEqual([[], []]);
    expect(await texts(folder)).toEqual([[], []]); // whoever checks a file need not be who runs it
  });
});
