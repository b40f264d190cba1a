import { expect, test } from "vitest";
import { INBOUND } from "../base/limits.ts";
import { localServer, localTerms } from "./local-terms.ts";

const NOTHING = {
  domain: undefined,
  server: undefined,
  messageOctetsMax: INBOUND.messageOctetsMax,
  spool: undefined,
};

test("what a whole file says", () => {
  const listeners = [
    { listen: "192.0.2.1:25", tls: "none" },
    { listen: "0.0.0.0:587" },
    { listen: "127.0.0.1:2525", tls: "none", max_message_bytes: 2048 },
  ];
  expect(localTerms({ hostname: "relay.test", data: "./d", listeners })).toEqual({
    domain: "relay.test",
    server: { host: "127.0.0.1", port: 2525 },
    messageOctetsMax: 2048,
    spool: "./d/spool",
  });
});

test.each([
  [
    { listen: "[::]:25", tls: "none" },
    { host: "::1", port: 25 },
  ],
  [
    { listen: "0.0.0.0:587", tls: "starttls" },
    { host: "127.0.0.1", port: 587 },
  ],
  [{ listen: "0.0.0.0:465", tls: "implicit" }, undefined],
  [{ listen: "192.0.2.1:25", tls: "none" }, undefined],
  [{ listen: "127.0.0.1:0", tls: "none" }, undefined],
])("the server behind %j", (listener, server) => {
  expect(localTerms({ listeners: [listener] }).server).toEqual(server);
});

test("append_domain of the server comes before the host name", () => {
  const listeners = [{ listen: "127.0.0.1:25", tls: "none", append_domain: "b.test" }];
  expect(localTerms({ hostname: "relay.test", listeners }).domain).toBe("b.test");
});

test("sendmail.spool comes before the data folder", () => {
  expect(localTerms({ data: "/d", sendmail: { spool: "/var/spool/w" } }).spool).toBe("/var/spool/w");
});

test.each([
  undefined,
  null,
  7,
  [],
  "x",
  { hostname: 7, data: {}, listeners: {}, sendmail: [] },
  { listeners: [null, 7, { listen: 7 }] },
])("of %j nothing is known, and nothing is wrong", (input) => {
  expect(localTerms(input)).toEqual(NOTHING);
});

test("a program gets to the first listener that it can use, and only a login needs TLS", () => {
  const implicit = { listen: { host: "127.0.0.1", port: 465 }, tls: "implicit" } as const;
  const elsewhere = { listen: { host: "192.0.2.1", port: 25 }, tls: "none" } as const;
  const free = { listen: { host: "127.0.0.1", port: 0 }, tls: "none" } as const;
  const starttls = { listen: { host: "0.0.0.0", port: 587 }, tls: "starttls" } as const;
  const plain = { listen: { host: "::1", port: 25 }, tls: "none" } as const;
  expect(localServer([implicit, elsewhere, free, starttls, plain], false)).toEqual(plain.listen);
  expect(localServer([plain, starttls], true)).toEqual({ host: "127.0.0.1", port: 587 });
  expect(localServer([starttls], false)).toEqual({ host: "127.0.0.1", port: 587 });
  expect(localServer([plain], true)).toBeUndefined();
  expect(localServer([implicit, elsewhere, free], false)).toBeUndefined();
});
