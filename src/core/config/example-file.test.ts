import { expect, test } from "vitest";
import { parse } from "yaml";
import { describeConfig } from "./describe.ts";
import { exampleFile } from "./example-file.ts";
import { parseConfig } from "./parse.ts";

const lines = exampleFile().trimEnd().split("\n");

test("it is comments alone, and has every key of the reference", () => {
  expect(lines.filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
  for (const { row, rows } of describeConfig())
    for (const { key } of [row, ...rows]) {
      const name = key.split(".").at(-1)!.replace("[]", "");
      expect(
        lines.filter((line) => new RegExp(`^##? *${name}:`).test(line)),
        key,
      ).not.toEqual([]);
    }
});

test("uncommented it is a configuration that loads, in which every key is said", () => {
  const text = lines.map((line) => (line.startsWith("##") ? "" : line.replace(/^#/, ""))).join("\n");
  const value: unknown = parse(text);
  const parsed = parseConfig(value);
  expect(parsed.kind === "invalid" ? parsed.issues : []).toEqual([]);
  const said = JSON.stringify(value);
  const left = ["open_to_everyone", "password_hash"]; // they cannot stand beside the others
  for (const { row, rows } of describeConfig())
    for (const { key } of [row, ...rows]) {
      const name = key.split(".").at(-1)!.replace("[]", "");
      if (!left.includes(name)) expect(said, key).toContain(`"${name}":`);
    }
});
