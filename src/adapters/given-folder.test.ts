import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isRootsAlone } from "./given-folder.ts";

test.runIf(process.getuid?.() === 0)(
  "a path is root's alone where nobody else can put something else in the place of a part of it",
  () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-given-"));
    onTestFinished(() => fs.rmSync(folder, { recursive: true }));
    const [own, below, open, link] = ["own", "own/below", "open", "link"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    for (const each of [own, below, open]) fs.mkdirSync(each, { mode: 0o755 });
    expect([folder, below, open].map(isRootsAlone)).toEqual([true, true, true]); // /tmp is everybody's, and sticky
    fs.chownSync(own, 12_345, 12_345);
    fs.chmodSync(open, 0o777);
    fs.symlinkSync(below, link);
    expect([own, below, open, link].map(isRootsAlone)).toEqual([false, false, false, false]);
  },
);
