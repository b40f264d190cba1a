import type { ConfigPath } from "../../core/config/issue.ts";
import type { Environment } from "./find.ts";

export type Substituted =
  { readonly kind: "text"; readonly text: string } | { readonly kind: "failed"; readonly why: string };

/** What a password starts with that stands in a file of its own. */
export const SECRET_FILE = "file:";

// `$${NAME}` stands for the text `${NAME}` itself.
const REFERENCE = /\$?\$\{([^}]*)(\}?)/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `${NAME}` in `text` replaced by what `encode` makes of the variable. Values of variables are not looked into again. */
export function substitute(text: string, environment: Environment, encode: (value: string) => string): Substituted {
  let why: string | undefined;
  const replaced = text.replace(REFERENCE, (whole: string, name: string, end: string) => {
    if (whole.startsWith("$$")) return whole.slice(1);
    const value = NAME.test(name) ? environment[name] : undefined;
    if (end === "" || !NAME.test(name))
      why ??= "${ needs the name of an environment variable and }; write $${ for the text ${";
    else if (value === undefined) why ??= `the environment variable ${name} is not set`;
    return encode(value ?? "");
  });
  return why === undefined ? { kind: "text", text: replaced } : { kind: "failed", why };
}

/** The same, without brackets: every character that is no letter or digit. */
export function percentEncoded(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function isSmartHostUrl(path: ConfigPath): boolean {
  return path.length === 3 && path[0] === "smarthosts" && path[2] === "url";
}

export function isPassword(path: ConfigPath): boolean {
  return path.length === 3 && path[0] === "credentials" && path[2] === "password";
}

/** True where the file itself shows a secret, or a part of one, instead of naming where it is. */
export function showsSecret(text: string, path: ConfigPath): boolean {
  const secret = isPassword(path)
    ? text
    : isSmartHostUrl(path)
      ? (/^[a-z]+:\/\/[^/@]*:([^/@]*)@/i.exec(text)?.[1] ?? "")
      : "";
  return !secret.startsWith(SECRET_FILE) && secret.replace(REFERENCE, "") !== "";
}

/** A copy of `value` in which `replace` had a look at every text. */
export async function mapTexts(
  value: unknown,
  replace: (text: string, path: ConfigPath) => Promise<unknown>,
  path: ConfigPath = [],
): Promise<unknown> {
  if (typeof value === "string") return await replace(value, path);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const [index, item] of value.entries()) items.push(await mapTexts(item, replace, [...path, index]));
    return items;
  }
  const entries: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(value)) entries.push([key, await mapTexts(inner, replace, [...path, key])]);
  return Object.fromEntries(entries);
}
