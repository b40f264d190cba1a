import { expect, test } from "vitest";
import { pathText } from "../mail/path.ts";
import { forwardPathOf, reversePathOf } from "./local-address.ts";

const shown = (found: ReturnType<typeof forwardPathOf> | ReturnType<typeof reversePathOf>): string =>
  found.kind === "malformed" ? `malformed: ${found.why}` : `<${pathText(found)}>`;

test.each([
  ["root", "<root@h.test>"],
  ["root@localhost", "<root@h.test>"],
  ["root@LOCALHOST.localdomain", "<root@h.test>"],
  ["root@localhost.", "<root@h.test>"], // the dot of the root
  ["a@b.test", "<a@b.test>"],
  ["-a@b.test", "<-a@b.test>"],
  ['"a@b"', '<"a@b"@h.test>'],
  ['"a b"@c.test', '<"a b"@c.test>'],
  ["ü@b.test", "<ü@b.test>"],
  ["postmaster", "<postmaster>"],
  ["Postmaster@b.test", "<Postmaster@b.test>"],
  ["@x.test:a@b.test", "<a@b.test>"],
  ["a@", "malformed: the domain is not valid"],
  ["@b.test", "malformed: the source route is not valid"],
  ["a b", "malformed: the local part is not valid"],
  ["a@b.test> SIZE=1", "malformed: a bracket stands within the address"],
  ["a@b.test\r\nRCPT TO:<c@d.test", "malformed: the address has control or invisible characters"],
  ["", "malformed: the address is empty"],
])("recipient %j is %s", (address, expected) => {
  expect(shown(forwardPathOf(address, "h.test"))).toBe(expected);
});

test.each([
  ["", "<>"],
  ["<>", "<>"],
  ["www-data", "<www-data@h.test>"],
  ["<a@b.test>", "<a@b.test>"],
  ["Ann <a@b.test>", "<a@b.test>"],
  ["a@b.test, c@d.test", "malformed: one address is expected"],
  ["Ann <a@b.test", "malformed: a < has no >"],
])("sender %j is %s", (text, expected) => {
  expect(shown(reversePathOf(text, "h.test"))).toBe(expected);
});
