// `npm run package`: a tarball with compiled JavaScript that installs and runs elsewhere; `npm run package -- FOLDER` puts it there.
// The Node binaries of this checkout, the development tools and the scripts stay out of its manifest.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [key: string]: unknown;
}

const root = path.resolve(import.meta.dirname, "..");
const LEFT_OUT: ReadonlySet<string> = new Set(["private", "scripts", "devDependencies", "optionalDependencies"]);

function published(manifest: Manifest): Record<string, unknown> {
  const kept = Object.fromEntries(Object.entries(manifest).filter(([key]) => !LEFT_OUT.has(key)));
  return { ...kept, engines: { node: ">=24.15" } };
}

function main(destination: string): void {
  const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as Manifest;
  const staging = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-package-"));
  try {
    execFileSync("tsc", ["-p", "tsconfig.build.json", "--outDir", path.join(staging, "dist")], {
      cwd: root,
      stdio: "inherit",
    });
    for (const name of ["bin", "README.md", "LICENSE", "CHANGELOG.md"])
      fs.cpSync(path.join(root, name), path.join(staging, name), { recursive: true });
    fs.writeFileSync(path.join(staging, "package.json"), `${JSON.stringify(published(manifest), null, 2)}\n`);
    execFileSync("publint", ["--strict"], { cwd: staging, stdio: ["ignore", "ignore", "inherit"] });
    const file = execFileSync("npm", ["pack", "--silent", "--pack-destination", destination], { cwd: staging })
      .toString()
      .trim();
    console.log(`${file}: ${(fs.statSync(path.join(destination, file)).size / 1024).toFixed(0)} KiB`);
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
}

main(path.resolve(process.argv[2] ?? root));
