import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseConfig } from "../../src/core/config/parse.ts";

// What the documents show is what the program takes.

const TREE = path.resolve(import.meta.dirname, "../..");
const PAGES = ["README.md", "ARCHITECTURE.md", "HACKING.md", ...below("docs")];

function below(folder: string): string[] {
  const names = fs.readdirSync(path.join(TREE, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".md")).map((name) => `${folder}/${name}`);
}

function text(page: string): string {
  return fs.readFileSync(path.join(TREE, page), "utf8");
}

function blocks(page: string, kind: string): string[] {
  return [...text(page).matchAll(new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, block = ""]) => block);
}

const REST = {
  hostname: "relay.example.com",
  data: "./data",
  listeners: [{ listen: "127.0.0.1:2525", tls: "none" }],
  tls: { certificate: "./cert.pem", key: "./key.pem" },
};

/** Configurations and parts of them; the rest is for other programs. */
const CONFIGURATIONS = PAGES.flatMap((page) =>
  blocks(page, "yaml").flatMap((block) => {
    const value = parse(block) as Record<string, unknown> | null;
    const isOurs = value !== null && typeof value === "object" && !("spec" in value) && !("services" in value);
    return isOurs ? [[`${page}: ${block.trim().split("\n", 1)[0]}`, value] as const] : [];
  }),
);

test("there are such configurations", () => {
  expect(CONFIGURATIONS.length).toBeGreaterThan(5);
});

test.each(CONFIGURATIONS)("%s is valid", (_, value) => {
  const named = JSON.parse(JSON.stringify(value).replaceAll(/\$\{[A-Z0-9_]+\}/g, "value")) as object;
  const found = parseConfig({ ...REST, ...named });
  const issues =
    found.kind === "invalid" ? found.issues.map(({ path: at, message }) => `${at.join(".")}: ${message}`) : [];
  // A part of a configuration names what is in another part of it.
  expect(
    issues.filter((issue) => !issue.includes("there is no smart host") && !issue.includes("there is no egress")),
  ).toEqual([]);
});

test.each(PAGES)("links of %s lead somewhere", (page) => {
  const broken = [...text(page).matchAll(/\]\(([^)#\s]*)(#[^)\s]*)?\)/g)].filter(([, target = "", anchor = ""]) => {
    if (/^[a-z]+:/.test(target)) return false;
    const file = target === "" ? page : path.join(path.dirname(page), target);
    if (!fs.existsSync(path.join(TREE, file))) return true;
    return anchor !== "" && file.endsWith(".md") && !anchors(file).includes(anchor.slice(1));
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

/** As GitHub makes them of headings. */
function anchors(page: string): string[] {
  const headings = text(page).match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
