import { expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificates.ts";
import { serverContexts } from "./tls-context.ts";

test("certificates for the same names in another order are one context: the client gets the kind that it can do", () => {
  const rsa = selfSigned("a.test", "DNS:a.test,DNS:b.test,DNS:*.c.test", "rsa");
  const ecdsa = selfSigned("a.test", "DNS:*.C.test,DNS:b.test,DNS:a.test");
  expect(serverContexts([rsa, ecdsa]).contextFor).toBeUndefined();
});

test("certificates for other names are contexts of their own", () => {
  const one = selfSigned("a.test", "DNS:a.test,DNS:b.test");
  const other = selfSigned("a.test", "DNS:a.test");
  const { context, contextFor } = serverContexts([one, other]);
  expect(contextFor?.("b.test")).toBe(context);
  expect(serverContexts([other, one]).contextFor?.("b.test")).not.toBe(context);
});
