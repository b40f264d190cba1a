import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findUser } from "./process-user.ts";

function files(): readonly [string, string] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-users-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  const passwd = path.join(folder, "passwd");
  const group = path.join(folder, "group");
  fs.writeFileSync(passwd, "root:x:0:0:root:/root:/bin/sh\nmail:x:8:12:mail:/var/mail:/usr/sbin/nologin\nodd\n::\n");
  fs.writeFileSync(group, "root:x:0:\nmail:x:12:\npostdrop:x:115:\n");
  return [passwd, group];
}

test.each([
  ["mail", 8, 12],
  ["mail:postdrop", 8, 115],
  ["mail:7", 8, 7],
  ["8", 8, 12],
  ["10001:10001", 10_001, 10_001],
  ["root", 0, 0],
])("%s", (text, uid, gid) => {
  expect(findUser(text, ...files())).toEqual({ name: text, uid, gid });
});

test.each(["nobody-there", "mail:nothing", "10001", "", ":", "4294967295:1", "99999999999:1", "-1:1"])(
  "%j is nobody",
  (text) => {
    expect(findUser(text, ...files())).toBeUndefined();
  },
);

test("without a file of users numbers are good", () => {
  expect(findUser("10001:10001", "/nowhere/passwd", "/nowhere/group")).toMatchObject({ uid: 10_001, gid: 10_001 });
  expect(findUser("mail", "/nowhere/passwd", "/nowhere/group")).toBeUndefined();
});
