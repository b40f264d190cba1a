import { expect, test } from "vitest";
import { stalePages } from "./reference.ts";

test("the reference pages say what the code says (npm run reference writes them)", () => {
  expect(stalePages().map(({ path }) => path)).toEqual([]);
});
