import { expect, test } from "vitest";
import { Authentication, chooseMechanism } from "./authentication.ts";

const credentials = { username: "user", password: "secret" };

test.each([
  [["LOGIN", "PLAIN", "XOAUTH2"], "PLAIN"],
  [["LOGIN"], "LOGIN"],
  [["XOAUTH2", "CRAM-MD5"], undefined],
  [[], undefined],
])("of %j it takes %s", (offered, mechanism) => {
  expect(chooseMechanism(new Set(offered))).toBe(mechanism);
});

test("PLAIN says everything at once, and again where it was not heard", () => {
  const exchange = new Authentication("PLAIN", credentials);
  expect(exchange.command()).toBe("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n");
  expect(exchange.response()).toBe("AHVzZXIAc2VjcmV0\r\n");
});

test("PLAIN waits to be asked where the command would be too long (RFC 4954 section 4)", () => {
  const exchange = new Authentication("PLAIN", { username: "user", password: "x".repeat(600) });
  expect(exchange.command()).toBe("AUTH PLAIN\r\n");
  expect(exchange.response()?.length).toBeGreaterThan(800);
});

test("LOGIN answers two questions and no third", () => {
  const exchange = new Authentication("LOGIN", credentials);
  expect([exchange.command(), exchange.response(), exchange.response(), exchange.response()]).toEqual([
    "AUTH LOGIN\r\n",
    "dXNlcg==\r\n",
    "c2VjcmV0\r\n",
    undefined,
  ]);
});

test("after five challenges nothing more is said", () => {
  const exchange = new Authentication("PLAIN", credentials);
  const responses = Array.from({ length: 6 }, () => exchange.response());
  expect(responses.map((r) => r !== undefined)).toEqual([true, true, true, true, true, false]);
});
