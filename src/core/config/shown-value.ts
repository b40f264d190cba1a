import { printable } from "../base/printable.ts";

/** What stands in place of a secret. */
export const NOT_SHOWN = "(not shown)";
const SECRET_KEYS: ReadonlySet<string> = new Set(["password", "password_hash"]);
const TEXT_MAX = 400;

/** A value of the configuration as people may see it: a secret is not shown, nor the part of a URL that is one. */
export function shownValue(key: string, value: unknown): string {
  return printable(JSON.stringify(withoutSecrets(key, value)) ?? "nothing", TEXT_MAX);
}

function withoutSecrets(key: string, value: unknown): unknown {
  if (SECRET_KEYS.has(key)) return NOT_SHOWN;
  if (typeof value === "string") return key === "url" ? withoutPassword(value) : value;
  if (Array.isArray(value)) return value.map((entry) => withoutSecrets(key, entry));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutSecrets(name, inner)]));
}

/** `smtp://user:password@host`: what stands between the first colon and the last @. */
function withoutPassword(url: string): string {
  const at = url.lastIndexOf("@");
  const start = url.indexOf("://") + 3;
  const colon = url.indexOf(":", start);
  return at === -1 || colon === -1 || colon > at ? url : `${url.slice(0, colon + 1)}***${url.slice(at)}`;
}
