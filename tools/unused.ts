// What is declared in a closed catalogue has to be used: an event that nobody records, a reason that nobody gives, a
// limit that nobody keeps or a configuration value that nobody reads is a promise that nobody holds.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as limits from "../src/core/base/limits.ts";
import { EVENTS } from "../src/core/events.ts";
import { REASONS } from "../src/core/queue/reason.ts";

export interface Source {
  readonly file: string;
  readonly text: string;
}

/** Names of `wanted` that no source mentions in the form that `form` gives. */
export function missing(
  wanted: readonly string[],
  sources: readonly Source[],
  form: (name: string) => RegExp,
): string[] {
  return wanted.filter((name) => !sources.some(({ text }) => form(name).test(text)));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function sourcesExcept(folder: string, left: readonly string[]): Source[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll(path.sep, "/"))
    .filter(
      (name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !left.some((start) => name.startsWith(start)),
    )
    .map((file) => ({ file, text: fs.readFileSync(path.join(folder, file), "utf8") }));
}

/** `INBOUND.recipientsMax` and the like. */
function limitNames(): string[] {
  return Object.entries(limits).flatMap(([group, members]) =>
    typeof members === "object" ? Object.keys(members).map((name) => `${group}.${name}`) : [],
  );
}

/** Fields of the interfaces in `core/config/config.ts`. */
function configFields(text: string): string[] {
  return [...text.matchAll(/^\s+readonly (\w+)\??:/gm)].map((match) => match[1]!);
}

function main(): void {
  const src = path.resolve(import.meta.dirname, "../src");
  const all = sourcesExcept(src, []);
  const except = (...files: string[]): Source[] =>
    all.filter(({ file }) => !files.some((start) => file.startsWith(start)));
  const configText = fs.readFileSync(path.join(src, "core/config/config.ts"), "utf8");
  const findings = [
    ...missing(Object.keys(EVENTS), except("core/events.ts"), (name) => new RegExp(`event: "${escaped(name)}"`)).map(
      (name) => `event ${name} is never recorded`,
    ),
    ...missing(
      Object.keys(REASONS),
      except("core/queue/reason.ts", "surfaces/"),
      (name) => new RegExp(`"${escaped(name)}"`),
    ).map((name) => `reason ${name} is never given`),
    ...missing(limitNames(), except("core/base/limits.ts"), (name) => {
      const [group = "", member = ""] = name.split(".");
      return new RegExp(`\\b${group}\\.${member}\\b|\\b${group}\\[|\\{[^}]*\\b${member}\\b[^}]*\\} = ${group}\\b`);
    }).map((name) => `limit ${name} is never kept`),
    ...missing(
      configFields(configText),
      except("core/config/", "adapters/config-file/"),
      (name) => new RegExp(`\\b${name}\\b`),
    ).map((name) => `configuration value ${name} is never read`),
  ];
  for (const finding of findings) console.error(finding);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
