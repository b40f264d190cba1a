import { expect, test } from "vitest";
import { faultsOfKeys } from "./key-tests.ts";

const text = 'test("a shows itself", () => {\n  start({ b: { c: 1 } });\n});\n';
const read = (file: string): string | undefined => (file === "x.test.ts" ? text : undefined);

test("a key whose test is there and knows it is well", () => {
  expect(faultsOfKeys(["b.c", "b[]"], { "b.c": ["x.test.ts", "a shows"], "b[]": ["x.test.ts", "a"] }, read)).toEqual(
    [],
  );
});

test("what is missing is told", () => {
  const tests = {
    "b.c": ["y.test.ts", "a"],
    "b.d": ["x.test.ts", "a shows"],
    "b.e": ["x.test.ts", "shows itself"],
    "b.gone": ["x.test.ts", "a"],
  } as const;
  expect(faultsOfKeys(["b.c", "b.d", "b.e", "b.f"], tests, read)).toEqual([
    "b.gone is no key of the configuration any more",
    "b.c: there is no y.test.ts",
    "b.d: x.test.ts does not mention d",
    'b.e: x.test.ts has no test "shows itself"',
    "b.e: x.test.ts does not mention e",
    "no test shows what b.f does",
  ]);
});
