// The import rule of ARCHITECTURE.md as a check: which folder may import which, and that no adapter imports another.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** For each layer the layers and packages it may import, besides itself. */
const ALLOWED: Readonly<
  Record<string, { readonly layers: readonly string[]; readonly packages: readonly string[] | "any" }>
> = {
  core: { layers: [], packages: [] },
  ports: { layers: ["core"], packages: [] },
  engine: { layers: ["core", "ports"], packages: [] },
  adapters: { layers: ["core", "ports"], packages: "any" },
  surfaces: { layers: ["core", "engine/operator", "ports"], packages: "any" },
  main: { layers: ["core", "ports", "engine", "adapters", "surfaces"], packages: "any" },
};

const IMPORT = /^(?:import|export)\b[^"';]*\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

export interface Breach {
  readonly file: string;
  readonly specifier: string;
  readonly why: string;
}

/** `file` and the result are relative to `src`, with forward slashes. */
export function breaches(file: string, source: string): Breach[] {
  const [layer = "", folder = ""] = file.split("/");
  const rule = ALLOWED[layer];
  if (rule === undefined) return [{ file, specifier: "", why: `src/${layer} is no layer` }];
  const found: Breach[] = [];
  for (const match of source.matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? match[3]!;
    const why = specifier.startsWith(".")
      ? relativeBreach(file, layer, folder, rule.layers, specifier)
      : packageBreach(file, layer, rule.packages, specifier);
    if (why !== undefined) found.push({ file, specifier, why });
  }
  return found;
}

function relativeBreach(
  file: string,
  layer: string,
  folder: string,
  layers: readonly string[],
  specifier: string,
): string | undefined {
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
  const [targetLayer = "", targetFolder = ""] = target.split("/");
  if (targetLayer === layer) {
    // Files beside the adapters' folders are what adapters share.
    const isOtherAdapter = layer === "adapters" && targetFolder !== folder && !targetFolder.includes(".");
    return isOtherAdapter ? "an adapter imports no other adapter" : undefined;
  }
  const isAllowed = layers.some(
    (allowed) => target === allowed || target.startsWith(`${allowed}/`) || target.startsWith(`${allowed}.`),
  );
  return isAllowed ? undefined : `${layer} may import ${layers.join(", ") || "only itself"}`;
}

function packageBreach(
  file: string,
  layer: string,
  packages: readonly string[] | "any",
  specifier: string,
): string | undefined {
  if (packages === "any") return undefined;
  if (file.startsWith("core/config/") && specifier === "zod") return undefined;
  return packages.includes(specifier) ? undefined : `${layer} imports no package and no part of Node`;
}

function sources(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.endsWith(".d.ts"))
    .map((name) => name.replaceAll(path.sep, "/"));
}

function main(): void {
  const folder = path.resolve(import.meta.dirname, "../src");
  const files = sources(folder);
  const found = files.flatMap((file) => breaches(file, fs.readFileSync(path.join(folder, file), "utf8")));
  for (const { file, specifier, why } of found) console.error(`src/${file}: imports ${specifier}: ${why}`);
  if (files.length === 0) console.error("no source file was found");
  process.exitCode = found.length > 0 || files.length === 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
