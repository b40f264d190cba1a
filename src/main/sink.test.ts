import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { utf8 } from "../core/base/bytes.ts";
import { SinkFolder, relayIdOf } from "./sink.ts";

const TRACE =
  "Received: from a.test ([192.0.2.1])\r\n\tby relay.test (Waypost) with ESMTP id 0VbfQUpNXUfJly\r\n\tfor <b@c.test>;\r\n\tnow\r\n";

test("the relay's id stands in the first field, and in no other", () => {
  expect(relayIdOf(utf8(`${TRACE}Subject: x\r\n\r\n`))).toBe("0VbfQUpNXUfJly");
  expect(relayIdOf(utf8(`${TRACE.replace("\r\n\tfor <b@c.test>", "")}\r\n`))).toBe("0VbfQUpNXUfJly");
  expect(relayIdOf(utf8(`Subject: x\r\n${TRACE}\r\n`))).toBeUndefined();
  expect(relayIdOf(utf8(""))).toBeUndefined();
});

test("a message is found by the sink's id and by the relay's, which may have come twice", () => {
  const top = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-sink-"));
  const folder = new SinkFolder(path.join(top, "sink"));
  folder.make();
  for (const n of [1, 2]) {
    const content = utf8(`copy ${n}`);
    const about = { at: n, from: "", to: [], octets: content.length };
    folder.keep({ id: `0VbfQUpNXUaaa${n}`, relayId: "0VbfQUpNXUfJly", ...about }, content);
  }
  const read = (id: string): string | undefined => folder.read(id)?.toString();
  expect(["0VbfQUpNXUaaa1", "0VbfQUpNXUfJly", "../0VbfQUpNXUaaa1"].map(read)).toEqual(["copy 1", "copy 2", undefined]);
  fs.rmSync(top, { recursive: true });
});

test("what is being written or removed is not there, and keeps nobody from the rest", () => {
  const top = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-sink-"));
  const folder = new SinkFolder(top);
  const about = { relayId: "0VbfQUpNXUfJly", at: 1, from: "", to: [], octets: 1 };
  for (const n of [1, 2]) folder.keep({ id: `0VbfQUpNXUaaa${n}`, ...about }, utf8(`copy ${n}`));
  fs.writeFileSync(path.join(top, "0VbfQUpNXUaaa3.json"), "");
  fs.writeFileSync(path.join(top, "0VbfQUpNXUaaa4.json"), '{"id":"0VbfQU');
  fs.symlinkSync(path.join(top, "gone"), path.join(top, "0VbfQUpNXUaaa5.json")); // listed, and gone when it is read
  fs.rmSync(path.join(top, "0VbfQUpNXUaaa2.eml"));
  expect(folder.list().map(({ id }) => id)).toEqual(["0VbfQUpNXUaaa1", "0VbfQUpNXUaaa2"]);
  const ids = ["0VbfQUpNXUaaa1", "0VbfQUpNXUaaa2", "0VbfQUpNXUaaa3"];
  expect(ids.map((id) => folder.read(id)?.toString())).toEqual(["copy 1", undefined, undefined]);
  fs.rmSync(top, { recursive: true });
});
