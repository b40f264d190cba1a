import { expect, test } from "vitest";
import { NO_FEATURES, parseFeatures } from "./features.ts";

const features = (...lines: string[]): ReturnType<typeof parseFeatures> =>
  parseFeatures({
    kind: "reply",
    code: 250,
    status: undefined,
    lines: ["mx.test says hello", ...lines],
  });

test("the first line is a greeting, whatever it says", () => {
  expect(parseFeatures({ kind: "reply", code: 250, status: undefined, lines: ["PIPELINING"] })).toEqual(NO_FEATURES);
});

test("keywords in any case, with any white space", () => {
  expect(
    features("pipelining", "SIZE\t1000", "8BitMime", "SMTPUTF8 ", "DSN", "STARTTLS", "CHUNKING", "EnhancedStatusCodes"),
  ).toEqual({
    pipelining: true,
    size: 1000,
    eightBitMime: true,
    smtpUtf8: true,
    dsn: true,
    startTls: true,
    auth: new Set(),
    chunking: true,
    enhanced: true,
  });
});

test.each([
  [["SIZE"], 0],
  [["SIZE 0"], 0],
  [["SIZE abc"], 0],
  [["SIZE -1"], 0],
  [["SIZE 5"], 5],
  [["SIZE 99999999999999999999999"], 0],
  [["SIZE 5", "SIZE 7"], 5],
  [["SIZEABLE 5"], undefined],
])("%j is a limit of %s", (lines, size) => {
  expect(features(...lines).size).toBe(size);
});

test("mechanisms of several lines and of the old form add up", () => {
  expect(features("AUTH plain", "AUTH=LOGIN PLAIN", "AUTH").auth).toEqual(new Set(["PLAIN", "LOGIN"]));
});

test("names of the language's own objects are no features", () => {
  expect(features("__proto__ x", "constructor", "", "hasOwnProperty")).toEqual(NO_FEATURES);
});
