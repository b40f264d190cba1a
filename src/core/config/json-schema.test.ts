import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { describeConfig } from "./describe.ts";
import { configJsonSchema } from "./json-schema.ts";

type Schema = Readonly<Record<string, unknown>>;

/** What a file has wrong by the schema alone: a validator of the words that it uses, which shares no code with the program. */
function faults(schema: Schema, value: unknown, at = ""): string[] {
  if (schema["anyOf"] !== undefined)
    return (schema["anyOf"] as Schema[]).some((each) => faults(each, value, at).length === 0)
      ? []
      : [`${at}: fits nothing`];
  if (schema["enum"] !== undefined && !(schema["enum"] as unknown[]).includes(value)) return [`${at}: not in the list`];
  if ("const" in schema && schema["const"] !== value) return [`${at}: another text`];
  const properties = schema["properties"] as Record<string, Schema> | undefined;
  switch (schema["type"]) {
    case "string":
      return typeof value === "string" ? [] : [`${at}: no text`];
    case "boolean":
      return typeof value === "boolean" ? [] : [`${at}: not true or false`];
    case "integer": {
      const isIn = typeof value === "number" && Number.isInteger(value);
      const { minimum, maximum } = schema as { readonly minimum?: number; readonly maximum?: number };
      return isIn && value >= (minimum ?? value) && value <= (maximum ?? value) ? [] : [`${at}: no such number`];
    }
    case "array":
      if (!Array.isArray(value)) return [`${at}: no list`];
      return value.flatMap((each, index) => faults(schema["items"] as Schema, each, `${at}[${index}]`));
    case "object": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${at}: no section`];
      const missing = ((schema["required"] ?? []) as string[]).filter((key) => !(key in value));
      return [
        ...missing.map((key) => `${at}.${key}: missing`),
        ...Object.entries(value).flatMap(([key, inner]) => {
          const of = properties?.[key] ?? schema["additionalProperties"];
          return of === false || of === undefined
            ? [`${at}.${key}: unknown`]
            : faults(of as Schema, inner, `${at}.${key}`);
        }),
      ];
    }
    default:
      return [];
  }
}

const EXAMPLES = path.resolve(import.meta.dirname, "../../../examples");
const files = fs.readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml"));

function example(name: string): Record<string, unknown> {
  return parse(fs.readFileSync(path.join(EXAMPLES, name), "utf8")) as Record<string, unknown>;
}

test.each(files)("%s is valid by the schema, and an unknown key in it is not", (name) => {
  const schema = configJsonSchema();
  expect(faults(schema, example(name))).toEqual([]);
  expect(faults(schema, { ...example(name), antispam: true })).toEqual([".antispam: unknown"]);
});

test.each([
  [{ listeners: [{ listen: "127.0.0.1:25", tls: "yes" }] }, ".listeners[0].tls: not in the list"],
  [{ listeners: [{ listen: "127.0.0.1:25", backlog: 1 }] }, ".listeners[0].backlog: unknown"],
  [{ listeners: [{ tls: "none" }] }, ".listeners[0].listen: missing"],
  [{ smarthosts: { a: { url: 7 } } }, ".smarthosts.a.url: no text"],
  [{ threads: 17 }, ".threads: fits nothing"],
  [{ soft_bounce: "no" }, ".soft_bounce: not true or false"],
  [{ limits: { recipients_per_message: 0 } }, ".limits.recipients_per_message: no such number"],
])("%j is refused by it", (more, fault) => {
  const file = { hostname: "relay.test", data: "d", listeners: [{ listen: "127.0.0.1:25" }], ...more };
  expect(faults(configJsonSchema(), file)).toEqual([fault]);
});

test("it is of draft 7, has the words of every key, and none of ours that are not JSON Schema's", () => {
  const schema = configJsonSchema();
  expect(schema["$schema"]).toBe("http://json-schema.org/draft-07/schema#");
  const text = JSON.stringify(schema);
  expect(text).not.toMatch(/whenAbsent|"takes"/);
  for (const { row, rows } of describeConfig())
    for (const { description } of [row, ...rows]) expect(text).toContain(JSON.stringify(description).slice(1, -1));
});
