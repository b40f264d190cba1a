// What zod finds, in words that say what to do.

import type * as z from "zod";
import { printable } from "../base/printable.ts";
import { type ConfigIssue, type ConfigPath, issue } from "./issue.ts";
import { nearest } from "../base/nearest.ts";
import { knownKeys } from "./shape.ts";

const EXPECTED: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["number", "a whole number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "keys with values"],
  ["record", "names with what belongs to each"],
]);

const SHOWN_MAX = 40;

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "keys with values";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "a number" : "text";
}

function either(choices: readonly string[]): string {
  if (choices.length < 2) return choices.join("");
  return `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}

function choiceMessage(values: readonly unknown[], input: unknown): string {
  const choices = values.map(String);
  const expected = choices.length === 1 ? `"${choices[0]}"` : either(choices);
  if (typeof input !== "string") return `expected ${expected}; found ${kindOf(input)}`;
  const meant = nearest(input, choices);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return `expected ${expected}; found "${printable(input, SHOWN_MAX)}"${hint}`;
}

function boundMessage(found: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (found.origin === "array")
    return found.code === "too_small" ? "needs one entry at least" : `may have ${found.maximum} entries at most`;
  const bound = found.code === "too_small" ? `${found.minimum} at least` : `${found.maximum} at most`;
  return `has to be ${bound}`;
}

function unknownKey(schema: z.ZodType, section: ConfigPath, key: string): ConfigIssue {
  const known = knownKeys(schema, section);
  const path = [...section, key];
  const meant = nearest(key, known);
  if (meant === undefined && SECRET_SECTIONS.has(String(section[0])))
    return { path, at: "key", message: hidden(key, known) };
  const hint = meant === undefined ? `known here: ${known.join(", ")}` : `did you mean '${meant}'?`;
  return { path, at: "key", message: `unknown key '${printable(key, SHOWN_MAX)}'; ${hint}` };
}

/** Where a slip in a password, such as a comma, makes a key of what is behind it. */
const SECRET_SECTIONS: ReadonlySet<string> = new Set(["credentials", "smarthosts"]);

/** `password:x` without a blank is a key as a whole. */
function hidden(key: string, known: readonly string[]): string {
  const before = known.find((name) => key.startsWith(`${name}:`));
  if (before !== undefined) return `put a blank behind the colon of ${before}`;
  return `unknown key (not shown here, for it may be a part of a password: put one with , : # or brackets in it into quotes); known here: ${known.join(", ")}`;
}

function typeMessage(expected: string, input: unknown): string {
  if (input === undefined) return "is required";
  if (expected === "int" && typeof input === "number") return "expected a whole number";
  const isBareWord = expected === "string" && (typeof input === "number" || typeof input === "boolean");
  const hint = isBareWord ? "; put it in quotes" : "";
  return `expected ${EXPECTED.get(expected) ?? expected}; found ${kindOf(input)}${hint}`;
}

function message(found: z.core.$ZodIssue): string {
  switch (found.code) {
    case "invalid_type":
      return typeMessage(found.expected, found.input);
    case "invalid_value":
      return choiceMessage(found.values, found.input);
    case "too_small":
    case "too_big":
      return boundMessage(found);
    case "invalid_key":
      return `'${printable(String(found.path.at(-1)), SHOWN_MAX)}' ${found.issues[0]?.message ?? "is no name"}`;
    default:
      return found.message;
  }
}

export function toConfigIssues(schema: z.ZodType, found: z.core.$ZodIssue): readonly ConfigIssue[] {
  const path = found.path as ConfigPath;
  if (found.code === "unrecognized_keys") return found.keys.map((key) => unknownKey(schema, path, key));
  if (found.code === "invalid_key") return [{ path, at: "key", message: message(found) }];
  return [issue(path, message(found))];
}
