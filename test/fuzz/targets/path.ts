import {
  type ForwardPath,
  type Malformed,
  type Mailbox,
  type Parsed,
  type ReversePath,
  addressed,
  parseForwardPath,
  parseMailbox,
  parseReversePath,
  pathKey,
  pathText,
} from "../../../src/core/mail/path.ts";
import type { Chance } from "../../support/chance.ts";
import { transcriptLines } from "../material.ts";
import { type Target, holds, holdsNoHidden, oneOf, same, some } from "../target.ts";

// Addresses as they stand in a command.

const LOCAL = ["a", "user", '"a b"', '"a@b"', '"\\""', '"\\\\"', "a.b", ".", "..", "*", "\u00e4", "postmaster", "x+y"];
const DOMAINS = [
  "b.test",
  "[192.0.2.1]",
  "[IPv6:2001:db8::1]",
  "xn--bcher-kva.test",
  "b\u00fccher.test",
  "b.",
  "127.1",
];

function anAddress(chance: Chance): string {
  const local = some(chance, 3, () => oneOf(chance, LOCAL), oneOf(chance, ["", ".", "@"]));
  return `${local}@${some(chance, 3, () => oneOf(chance, DOMAINS), ".")}`;
}

const PATH_SEEDS = [
  "<>",
  "<postmaster>",
  "<a@b.test>",
  '<"a b"@b.test>',
  '<"a\\"@c"@b.test>',
  "<@x.test,@y.test:a@b.test>",
  "<a@[192.0.2.1]>",
  "<a@[IPv6:2001:db8::1]> SIZE=1",
  "<\u00e4@b\u00fccher.test>",
  '<"a"@b.test> x',
  '<"a>b"@b.test>',
  "<a@b.test>x",
  "<a@b.test",
  "<a@b@c.test>",
  "<a@b.test.>",
  "<a@@b.test>",
  '<"a"b@c.test>',
  '<"@c.test>',
  '"a\\',
  "<@:a@b.test>",
];

/** What any address that was taken is like. */
function checkMailbox(mailbox: Mailbox, isParsedAgain = true): void {
  const { text, localPart, domain, isInternational } = mailbox;
  holdsNoHidden(text, "an address");
  holds(text.length <= 1000, "an address is bounded", text.length);
  same(text, `${localPart}@${domain.text}`, "an address is its parts");
  same(isInternational, /[^\0-\x7f]/.test(text), "international is what is not ASCII");
  // Split at the last @, which no quote can hide: a domain has none.
  same(text.lastIndexOf("@"), localPart.length, "the domain is what follows the last @");
  const atoms = localPart.split(".").every((atom) => /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\uffff]+$/.test(atom));
  holds(atoms || /^"(?:[^"\\]|\\["\\])*"$/.test(localPart), "a local part is dots and atoms, or quoted", localPart);
  holds(!/[<>,;:\s]/.test(domain.text) || domain.kind === "literal", "a domain has no sign of the envelope", text);
  if (!isParsedAgain) return;
  const again = parseMailbox(text);
  holds(again.kind === "mailbox", "what was parsed is parsed again", text);
  same(again, mailbox, "and it is the same");
}

function checkParsed(text: string, found: Parsed<ReversePath | ForwardPath> | Malformed): void {
  if (found.kind === "malformed") {
    holds(found.why !== "" && found.why.length < 100, "it is said why", found.why);
    return;
  }
  holds(text.startsWith("<") && text.includes(">"), "an address stands in brackets", text);
  holds(
    found.rest === "" || text.endsWith(found.rest) || text.replace(/[ \t]+$/, "").endsWith(found.rest),
    "the rest is the rest",
  );
  holds(!/^[ \t]|[ \t]$/.test(found.rest), "the rest has no blanks around it", found.rest);
  // No bracket of the envelope but in quotes.
  if (found.path.kind === "mailbox" && !found.path.localPart.startsWith('"'))
    holds(!/[<>]/.test(pathText(found.path)), "no bracket within", text);
  if (found.path.kind === "mailbox") checkMailbox(found.path);
  holds(found.path.kind !== "null" || text.startsWith("<>"), "the null path is <>", text);
}

const path: Target = {
  name: "path",
  files: ["core/mail/path.ts"],
  seeds: [...PATH_SEEDS, ...transcriptLines().flatMap((line) => /<.*>.*/.exec(line) ?? [])],
  tokens: ["<", ">", "@", '"', "\\", ":", ",", ".", "[", "]", "IPv6:", " ", ...LOCAL, ...DOMAINS, "xn--", "@x.test:"],
  generate: (chance) =>
    `<${oneOf(chance, ["", "", "", "@x.test:", "@x.test,@y.test:", "@"])}${anAddress(chance)}>${oneOf(chance, ["", " x", "x"])}`,
  check(text) {
    const forward = parseForwardPath(text);
    const reverse = parseReversePath(text);
    checkParsed(text, forward);
    checkParsed(text, reverse);
    const whole = `<${text}>`;
    const alone = parseMailbox(text);
    if (alone.kind === "mailbox") {
      checkMailbox(alone);
      holds(text.length <= 1000, "a long address is none", text.length);
      same(domainPart(text), alone.domain.text, "its domain is what follows the last @ that is not quoted");
      const inBrackets = parseReversePath(whole);
      holds(inBrackets.kind === "path" && inBrackets.path.kind === "mailbox", "an address is one in brackets", text);
      same(inBrackets.path, alone, "and the same one");
      const key = pathKey(alone);
      holds(key === key.normalize("NFC") || alone.domain.kind === "literal", "a key is in one form", key);
    }
    if (forward.kind === "path") {
      const { path: found } = forward;
      const to = addressed(found, undefined);
      same(to, found, "without an address of its own postmaster stays");
      same(parseForwardPath(`<${pathText(found)}>`), { kind: "path", path: found, rest: "" }, "printed and parsed");
    }
    if (reverse.kind === "path")
      same(parseReversePath(`<${pathText(reverse.path)}>`), { ...reverse, rest: "" }, "printed and parsed");
  },
};

/** By another way than the parser's: quoted strings are taken out first. */
function domainPart(text: string): string {
  const bare = text.replace(/^"(?:[^"\\]|\\[^])*"/, (quoted) => "q".repeat(quoted.length));
  const domain = text.slice(bare.indexOf("@") + 1);
  return domain.endsWith(".") && !domain.startsWith("[") ? domain.slice(0, -1) : domain;
}

export const targets: readonly Target[] = [path];
