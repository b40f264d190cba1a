import { expect, test } from "vitest";
import { BY_OPERATOR, explanationOf } from "./explanation.ts";

test("an expiry is explained by what was met last, where that says more, and by the operator who wanted it", () => {
  expect(explanationOf("4.4.7").what).toMatch(/in all the time that it was tried/);
  expect(explanationOf("4.4.7", "4.4.1").what).toMatch(/in all the time that it was tried/);
  expect(explanationOf("4.4.7", "4.2.2").what).toBe("The mailbox is full.");
  expect(explanationOf("4.4.7", "5.1.1").what).toBe("There is no such mailbox.");
  expect(explanationOf("4.4.7", BY_OPERATOR).what).toMatch(/administrator of this mail relay ended/);
});
