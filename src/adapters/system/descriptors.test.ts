import fs from "node:fs";
import { expect, test } from "vitest";
import { descriptorsMax, softLimit } from "./descriptors.ts";

const HEAD = "Limit                     Soft Limit           Hard Limit           Units\n";

test.each([
  ["Max open files            1024                 524288               files\n", 1024],
  ["Max open files            unlimited            unlimited            files\n", undefined],
  ["Max open file locks       17                   18                   locks\n", undefined],
])("%s: %s", (line, expected) => {
  expect(
    softLimit(`${HEAD}Max processes             95                   95                   processes\n${line}`),
  ).toBe(expected);
});

test.skipIf(!fs.existsSync("/proc/self/limits"))("this process has a limit that is no small number", () => {
  expect(descriptorsMax() ?? Number.POSITIVE_INFINITY).toBeGreaterThan(100);
});
