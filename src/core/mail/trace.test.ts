import { expect, test } from "vitest";
import { type Hop, ownReceivedField, protocolKeyword, receivedField } from "./trace.ts";

const HOP: Hop = {
  hello: "client.test",
  isExtended: true,
  clientAddress: "192.0.2.1",
  hostname: "relay.test",
  tls: undefined,
  isAuthenticated: false,
  isUtf8: false,
  id: "0UzvMQ2k000001",
  at: Date.UTC(2026, 10, 21, 23, 5, 39),
  soleRecipient: undefined,
};
const TLS = { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" };

test("a trace field", () => {
  expect(receivedField(HOP)).toBe(
    "Received: from client.test ([192.0.2.1])\r\n\tby relay.test (Waypost) with ESMTP id 0UzvMQ2k000001;\r\n" +
      "\tSat, 21 Nov 2026 23:05:39 +0000\r\n",
  );
});

test("of a message that we wrote ourselves", () => {
  expect(ownReceivedField(HOP)).toBe(
    "Received: by relay.test (Waypost) id 0UzvMQ2k000001;\r\n\tSat, 21 Nov 2026 23:05:39 +0000\r\n",
  );
});

test("with TLS, IPv6 and one recipient", () => {
  const field = receivedField({
    ...HOP,
    tls: TLS,
    isAuthenticated: true,
    clientAddress: "2001:db8::1",
    soleRecipient: "b@x.test",
  });
  expect(field).toContain("([IPv6:2001:db8::1])");
  expect(field).toContain("with ESMTPSA id");
  expect(field).toContain("\r\n\t(version=TLS1.3 cipher=TLS_AES_256_GCM_SHA384)\r\n\tfor <b@x.test>;\r\n");
});

test("a recipient that would make a line too long for SMTP is left out", () => {
  const linesFor = (local: string): readonly string[] =>
    receivedField({ ...HOP, soleRecipient: `${local}@x.test` }).split("\r\n\t");
  expect(linesFor("b".repeat(300)).at(-2)).toMatch(/^for <b+@x\.test>;$/);
  expect(linesFor("\u20ac".repeat(310)).every((line) => new TextEncoder().encode(line).length < 998)).toBe(true);
  expect(linesFor("b".repeat(900))).toEqual(receivedField(HOP).split("\r\n\t"));
});

test.each([
  [{ isExtended: false, tls: TLS }, "SMTP"],
  [{}, "ESMTP"],
  [{ isAuthenticated: true }, "ESMTPA"],
  [{ tls: TLS }, "ESMTPS"],
  [{ isUtf8: true }, "UTF8SMTP"],
  [{ isUtf8: true, tls: TLS, isAuthenticated: true }, "UTF8SMTPSA"],
])("%o is %s", (change, keyword) => {
  expect(protocolKeyword({ ...HOP, ...change })).toBe(keyword);
});

test("a client's name that is not ASCII does not make the message so", () => {
  expect(receivedField({ ...HOP, hello: "bücher.test" })).toContain("from xn--bcher-kva.test (");
  expect(receivedField({ ...HOP, hello: "büro_pc" })).toContain("from unknown (");
});
