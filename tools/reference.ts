// Writes the reference pages from the code: `node tools/reference.ts`. With `--check` it writes nothing and fails where
// a committed page says something else.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { configJsonSchema } from "../src/core/config/json-schema.ts";
import { commandsPage } from "./reference/commands-page.ts";
import { configurationPage } from "./reference/configuration-page.ts";
import { eventsPage } from "./reference/events-page.ts";
import { repliesPage } from "./reference/replies-page.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface Page {
  /** From the root of the project. */
  readonly path: string;
  readonly text: string;
}

export function pages(): readonly Page[] {
  return [
    { path: "docs/reference/configuration.md", text: configurationPage() },
    {
      path: "docs/reference/waypost.schema.json",
      text: `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
    },
    { path: "docs/reference/commands.md", text: commandsPage() },
    { path: "docs/reference/events.md", text: eventsPage() },
    { path: "docs/reference/replies.md", text: repliesPage() },
  ];
}

function committedText(page: Page): string | undefined {
  try {
    return readFileSync(join(ROOT, page.path), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The pages that differ from what the code says. */
export function stalePages(): readonly Page[] {
  return pages().filter((page) => committedText(page) !== page.text);
}

function write(page: Page): void {
  const path = join(ROOT, page.path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, page.text);
}

function main(argument: string | undefined): number {
  const stale = stalePages();
  const isCheck = argument === "--check";
  for (const page of stale) {
    if (isCheck) console.error(`${page.path} does not say what the code says; run npm run reference`);
    else write(page);
  }
  return isCheck && stale.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = main(process.argv[2]);
