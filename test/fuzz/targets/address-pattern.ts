import { parseReversePath } from "../../../src/core/mail/path.ts";
import { matches, parseAddressPattern, patternText, subjectOf } from "../../../src/core/policy/address-pattern.ts";
import { type Target, holds, holdsNoHidden, oneOf, same } from "../target.ts";

// What stands in a configuration for addresses.

const PATTERNS = [
  "*",
  "<>",
  "a@b.test",
  "@b.test",
  "@*.b.test",
  "@*",
  "A@B.test",
  '"a b"@c.test',
  "a*@b.test",
  "@b\u00fccher.test",
  "@[192.0.2.1]",
  "a@[192.0.2.1]",
  "*@b.test",
  "\u0130@b.test",
];

const addressPattern: Target = {
  name: "address-pattern",
  files: ["core/policy/address-pattern.ts"],
  unreachable: { "return unreachable(pattern);": "for a kind that the type does not have" },
  lengthMax: 600,
  seeds: PATTERNS,
  tokens: [...PATTERNS, "@", "*", ".", "*.", "<", ">", "b.test", '"'],
  generate: (chance) =>
    `${oneOf(chance, ["", "a", "*", "@*."])}${oneOf(chance, ["@", ""])}${oneOf(chance, ["b.test", "c.b.test", "test"])}`,
  check(text) {
    const pattern = parseAddressPattern(text);
    if (pattern === undefined) {
      holds(!/^[a-z]{0,60}@[a-z]{1,60}\.test$/.test(text), "a plain pattern is one", text);
      return;
    }
    const printed = patternText(pattern);
    holdsNoHidden(printed, "a pattern");
    if (pattern.kind !== "address") same(parseAddressPattern(printed), pattern, "printed and parsed");
    same(pattern.kind === "any", text === "*", "everybody is named by * alone");
    same(pattern.kind === "null", text === "<>", "the null path is named by <> alone");
    for (const address of ["", "a@b.test", "a@c.b.test", "a@xb.test", "A@B.TEST", text]) {
      const path = parseReversePath(`<${address}>`);
      if (path.kind !== "path" || path.rest !== "") continue;
      const isMatch = matches(pattern, subjectOf(path.path));
      same(isMatch, expectedMatch(pattern, path.path, address), "who is like it, and who is not");
    }
    if (pattern.kind === "address") {
      const own = parseReversePath(`<${text}>`);
      holds(own.kind === "path" && matches(pattern, subjectOf(own.path)), "an address is like itself", text);
    }
  },
};

type Pattern = NonNullable<ReturnType<typeof parseAddressPattern>>;
type Path = Extract<ReturnType<typeof parseReversePath>, { kind: "path" }>["path"];

/** By the labels. */
function expectedMatch(pattern: Pattern, path: Path, address: string): boolean {
  if (path.kind === "null") return pattern.kind === "null";
  if (pattern.kind === "any") return true;
  if (pattern.kind === "null") return false;
  const domain = path.domain.kind === "domain" ? path.domain.ascii : undefined;
  if (pattern.kind === "domain") return domain === pattern.domain;
  if (pattern.kind === "subdomains") {
    const labels = domain?.split(".") ?? [];
    return labels.some((_, at) => at > 0 && labels.slice(at).join(".") === pattern.suffix.slice(1));
  }
  const isPlain =
    /^[\0-\x7f]*$/.test(address) && !/["[]/.test(address) && !address.endsWith(".") && !address.startsWith("@");
  return isPlain ? pattern.key === address.toLowerCase() : pattern.key === subjectOf(path).key;
}

export const targets: readonly Target[] = [addressPattern];
