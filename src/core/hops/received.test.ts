import { expect, test } from "vitest";
import { TRACE } from "../base/limits.ts";
import { receivedField } from "../mail/trace.ts";
import { parseReceived } from "./received.ts";

const AT = Date.UTC(2026, 10, 21, 23, 5, 39);
const DATE = "Sat, 21 Nov 2026 23:05:39 +0000";

test("our own stamp says all that we know", () => {
  const field = receivedField({
    hello: "app.test",
    isExtended: true,
    clientAddress: "2001:db8::1",
    hostname: "relay.test",
    tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
    isAuthenticated: true,
    isUtf8: false,
    id: "0UzvMQ2k000001",
    at: AT,
    soleRecipient: "b@x.test",
  });
  const value = field.slice("Received: ".length).replaceAll("\r\n", "");
  expect(parseReceived(value)).toEqual({
    from: { hello: "app.test", name: "", address: "2001:db8::1", mayBeForged: false },
    by: "relay.test",
    byAddress: "",
    byNames: [],
    software: "Waypost",
    via: "",
    protocol: { text: "ESMTPSA", isTls: true, isLogin: true, isLocal: false },
    isTls: true,
    encryption: { version: "TLS 1.3", cipher: "TLS_AES_256_GCM_SHA384", isSaid: false },
    isLogin: true,
    login: "",
    id: "0UzvMQ2k000001",
    recipient: "b@x.test",
    envelopeFrom: "",
    remark: "",
    date: { kind: "known", at: AT, notes: [] },
    isUnbalanced: false,
  });
});

test.each([
  ["from h.test (rdns.test [192.0.2.1])", "h.test", "rdns.test", "192.0.2.1"],
  ["from h.test (unknown [192.0.2.1])", "h.test", "unknown", "192.0.2.1"],
  ["from h.test (rdns.test. [192.0.2.1])", "h.test", "rdns.test", "192.0.2.1"],
  ["from h.test (user@rdns.test [192.0.2.1] (may be forged))", "h.test", "rdns.test", "192.0.2.1"],
  ["from h.test (rdns.test [IPv6:2001:DB8::1])", "h.test", "rdns.test", "2001:db8::1"],
  ["from h.test ([fe80::1%4])", "h.test", "", "fe80::1"],
  ["from h.test (2001:db8::1)", "h.test", "", "2001:db8::1"],
  ["from rdns.test ([192.0.2.1]:51212 helo=[10.0.0.1])", "[10.0.0.1]", "rdns.test", "192.0.2.1"],
  ["from [192.0.2.1] (port=4 helo=h.test)", "h.test", "", "192.0.2.1"],
  ["from [192.0.2.1] (helo=h.test)", "h.test", "", "192.0.2.1"],
  ["from unknown (HELO h.test) (bob@192.0.2.1)", "h.test", "unknown", "192.0.2.1"],
  ['from rdns.test ([192.0.2.1]:5 "EHLO h.test")', "h.test", "rdns.test", "192.0.2.1"],
  ["from 192.0.2.1 (EHLO h.test)", "h.test", "", "192.0.2.1"],
  ["from h.test [192.0.2.1]", "h.test", "", "192.0.2.1"],
  ["from [10.0.0.1] (rdns.test [192.0.2.1])", "[10.0.0.1]", "rdns.test", "192.0.2.1"],
  ["from [192.0.2.1]", "", "", "192.0.2.1"],
  ["from tls.test (tls.rdns.test [192.0.2.1])", "tls.test", "tls.rdns.test", "192.0.2.1"],
  ["from with (by.test [192.0.2.1])", "with", "by.test", "192.0.2.1"],
  ["from h.test ([999.1.2.3])", "h.test", "", "999.1.2.3"],
])("whom %s names", (clause, hello, name, address) => {
  const stamp = parseReceived(`${clause} by b.test with ESMTP id 7; ${DATE}`);
  expect(stamp).toMatchObject({ from: { hello, name, address }, by: "b.test", id: "7" });
});

test.each([
  ["with ESMTPS (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256)", "TLS 1.3", "TLS_AES_256_GCM_SHA384"],
  ["with ESMTPS (version=TLSv1.2, cipher=ECDHE-RSA-AES256-SHA)", "TLS 1.2", "ECDHE-RSA-AES256-SHA"],
  ["with ESMTPS id 1 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO)", "TLS 1.3", "TLS_AES_256_GCM_SHA384"],
  ["with esmtps (TLS1.2) tls TLS_CHACHA20_POLY1305_SHA256 (Exim 4.98)", "TLS 1.2", "TLS_CHACHA20_POLY1305_SHA256"],
  ["with AES256-GCM-SHA384 encrypted SMTP", "", "AES256-GCM-SHA384"],
  ["with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384", "", "ECDHE-RSA-AES256-GCM-SHA384"],
  ["with ESMTPS (TLSv1_3:TLS13_AES_256_GCM_SHA384) id 1", "TLS 1.3", "TLS13_AES_256_GCM_SHA384"],
  ["with Microsoft SMTP Server (TLS) id 15.1.2", "", ""],
  ["with SMTPS (Google Transport Security)", "", ""],
])("%s is TLS", (clause, version, cipher) => {
  const stamp = parseReceived(`from a by b.test ${clause}; ${DATE}`);
  expect(stamp).toMatchObject({ isTls: true, encryption: { version, cipher } });
});

test.each([
  ["with ESMTP", false, false],
  ["with SMTP", false, false],
  ["with ESMTPA", false, true],
  ["with UTF8SMTPSA", true, true],
  ["with LMTPS", true, false],
  ["with asmtp", undefined, true],
  ["with HTTP", undefined, false],
  ["with Microsoft SMTP Server", undefined, false],
  ["with POP3 (fetchmail-6.4.39)", undefined, false],
  ["", undefined, false],
])("what %j says of TLS and login", (clause, isTls, isLogin) => {
  expect(parseReceived(`from a by b.test ${clause}; ${DATE}`)).toMatchObject({ isTls, isLogin });
});

test("what a client calls itself is not what its server says", () => {
  const stamp = parseReceived(
    `from TLS_AES_256_GCM_SHA384 (HELO authenticated encrypted TLSv1.3 [192.0.2.1]) by b.test with SMTP id 7 for <TLSv1.3@b.test>; ${DATE}`,
  );
  expect(stamp).toMatchObject({ isTls: false, isLogin: false, encryption: { version: "", cipher: "" } });
});

test("nor is what it says as a sender or as a recipient", () => {
  const sender = '(envelope-from <"TLSv1.3 authenticated encrypted AES-x"@b.test>)';
  for (const comments of [
    sender,
    '(ORCPT <rfc822;"TLSv1.3, authenticated"@b.test>)',
    "(envelope-from TLSv1.3@b.test)",
  ]) {
    const stamp = parseReceived(`from a (a [192.0.2.1]) by b.test with esmtp (Exim 4.98) ${comments} id 7; ${DATE}`);
    expect(stamp).toMatchObject({ isTls: false, isLogin: false, encryption: { version: "", cipher: "" }, id: "7" });
  }
  expect(parseReceived(`from a by b.test with esmtp ${sender} id 7; ${DATE}`).envelopeFrom).toBe(
    '"TLSv1.3 authenticated encrypted AES-x"@b.test',
  );
  const login = parseReceived(`from a (a [192.0.2.1]) (Authenticated sender: TLSv1.3) by b.test with ESMTPA; ${DATE}`);
  expect(login).toMatchObject({ login: "TLSv1.3", isTls: false });
});

test("who logged in", () => {
  const login = (comment: string): string =>
    parseReceived(`from a (a [192.0.2.1]) (${comment}) by b.test with ESMTP; ${DATE}`).login;
  expect(login("Authenticated sender: ann@b.test")).toBe("ann@b.test");
  expect(login("authenticated user=ann")).toBe("ann");
  expect(parseReceived(`from a (a [192.0.2.1]) (authenticated bits=0) by b.test with ESMTP; ${DATE}`)).toMatchObject({
    isLogin: true,
    login: "",
  });
});

test("a stamp without clauses, without semicolon, without anything", () => {
  expect(parseReceived(`(qmail 7 invoked by uid 89); ${DATE}`)).toMatchObject({
    from: undefined,
    by: "",
    remark: "qmail 7 invoked by uid 89",
    date: { kind: "known", at: AT },
  });
  expect(parseReceived(`from a by b.test with SMTP id 7 ${DATE}`)).toMatchObject({
    id: "7",
    date: { kind: "known", at: AT, notes: ["no semicolon before the date"] },
  });
  expect(parseReceived(`from a by b.test with SMTP id 7; ${DATE}; for the record`)).toMatchObject({
    id: "7",
    date: { kind: "known", at: AT, notes: ["the date is not where it belongs"] },
  });
  expect(parseReceived("")).toMatchObject({ from: undefined, by: "", date: { kind: "missing" } });
  expect(parseReceived("from a (b by c.test with SMTP")).toMatchObject({ by: "c.test", isUnbalanced: true });
});

test("a server has some names, and not as many as somebody cares to write", () => {
  const names = Array.from({ length: 50_000 }, (_, at) => `n${at}.test`);
  const { byNames, byAddress } = parseReceived(
    `from a by b.test (${names.join(" ")} [192.0.2.1]) with ESMTP id 7; ${DATE}`,
  );
  expect(byNames).toEqual(names.slice(0, TRACE.namesMax));
  expect(byAddress).toBe("192.0.2.1");
});
