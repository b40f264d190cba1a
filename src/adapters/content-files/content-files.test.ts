import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { syncedBy } from "../../../test/support/syncs.ts";
import { utf8 } from "../../core/base/bytes.ts";
import { FolderOfContents } from "./content-files.ts";

const ID = "0abcdefABCDEF1";

let data: string;
beforeEach(() => {
  data = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "waypost-content-")));
});
afterEach(() => {
  fs.rmSync(data, { recursive: true });
});

test.skipIf(!fs.existsSync("/proc/self/fd"))(
  "the folders of contents are durable before the first content is: after a power cut it is still found",
  () => {
    const folder = path.join(data, "content");
    expect(syncedBy(() => new FolderOfContents(folder))).toEqual([folder, data]);
  },
);

test("a content that is finished is read as it was written; what no message has is swept", async () => {
  const contents = new FolderOfContents(path.join(data, "content"));
  const writer = contents.create(ID);
  await writer.write([utf8("one "), utf8("two")]);
  await writer.finish();
  const reader = contents.open(ID);
  expect(Buffer.from((await reader.read())!).toString()).toBe("one two");
  expect(await reader.read()).toBeUndefined();
  reader.close();
  expect(contents.sweep(new Set([ID]))).toBe(0);
  expect(contents.sweep(new Set())).toBe(1);
});
