import { styleText } from "node:util";
import { expect, test } from "vitest";
import { counted, tableLines } from "./table.ts";

test("columns are aligned, numbers to the right, whatever colour they have", () => {
  const red = styleText("red", "1,234", { validateStream: false });
  expect(red).not.toBe("1,234");
  expect(
    tableLines([
      [red, "smarthost/a", ""],
      ["7", "b", "blocked"],
    ]),
  ).toEqual([`  ${red}  smarthost/a`, "      7  b            blocked"]);
  expect(tableLines([])).toEqual([]);
});

test("counts are grouped and have their plural", () => {
  expect(["message", "delivery", "lane"].map((noun) => counted(1, noun))).toEqual([
    "1 message",
    "1 delivery",
    "1 lane",
  ]);
  expect([counted(1234567, "delivery"), counted(0, "lane")]).toEqual(["1,234,567 deliveries", "0 lanes"]);
});
