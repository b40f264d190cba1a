import { describe, expect, test } from "vitest";
import { type Said, answerFault } from "./answers.ts";

const [good, bad, lost, chunk, reset]: readonly Said[] = ["good recipient", "no address", "no route", "chunk", "reset"];
const RECIPIENTS_MAX = 2;

const fault = (said: readonly (Said | undefined)[], codes: readonly number[], isWhole = true): string | undefined =>
  answerFault(said as Said[], codes, RECIPIENTS_MAX, isWhole);

describe("answers to what was said in one piece", () => {
  test.each([
    ["recipients of all kinds", [good, bad, lost, good, lost, bad, good], [250, 501, 550, 250, 452, 501, 452]],
    [
      "content, and recipients that come too late",
      [good, chunk, chunk, good, bad, chunk],
      [250, 250, 250, 503, 503, 250],
    ],
    ["content that the relay has no room for", [good, chunk, chunk, good], [250, 452, 503, 503]],
    ["what comes after a reset", [good, reset, good, chunk], [250, 250, 503, 503]],
    ["a session that is ended", [good, good, good], [250, 421]],
    ["nothing", [], []],
  ])("%s: as it should be", (_, said, codes) => {
    expect(fault(said, codes)).toBeUndefined();
  });

  test.each([
    ["one too few", [good, bad], [250], "1 answers came to 2"],
    ["one too many", [good], [250, 250], "2 answers came to 1"],
    ["two that changed places", [bad, good], [250, 501], "number 1, no address, was answered with 250"],
    ["a recipient beyond the bound", [good, good, good], [250, 250, 250], "number 3"],
    ["a bound that comes too soon", [good, good], [250, 452], "number 2"],
    ["content that is put off in its middle", [good, chunk, chunk], [250, 250, 452], "number 3"],
    ["trouble of the relay's for good", [good, chunk], [250, 552], "number 2"],
    ["what is said after the end", [good, good, good], [250, 421, 250], "number 2"],
  ])("%s", (_, said, codes, what) => {
    expect(fault(said, codes)).toContain(what);
  });

  test("a session that was cut has answers to the first", () => {
    expect(fault([good, bad, good], [250, 501], false)).toBeUndefined();
    expect(fault([good, bad, good], [250, 250], false)).toContain("number 2");
  });
});
