import fs from "node:fs";

/** Of this package, from its manifest. */
export const VERSION = (
  JSON.parse(fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
