// What is valid of a configuration that is not.

import type * as z from "zod";
import type { ConfigSections } from "./schema.ts";

/** A section that is not there is not valid; `tls: undefined` is a valid way of having none. */
export type SomeSections = { readonly [Key in keyof ConfigSections]?: ConfigSections[Key] | undefined };

type ListKey = "listeners" | "credentials" | "routes";
type NamedKey = "smarthosts" | "egress";

/** The same where not all is valid: entries that are not are undefined, so that their neighbours keep their places. */
export type RoughSections = Omit<SomeSections, ListKey | NamedKey> & {
  readonly [Key in ListKey]?: readonly (ConfigSections[Key][number] | undefined)[] | undefined;
} & { readonly [Key in NamedKey]?: Readonly<Record<string, ConfigSections[Key][string] | undefined>> | undefined };

/** With their places. */
export function validOnes<T>(entries: readonly (T | undefined)[]): (readonly [number, T])[] {
  return entries.flatMap((entry, index) => (entry === undefined ? [] : [[index, entry] as const]));
}

/** Undefined where it is not valid, or is nothing. */
export function valid<T>(schema: z.ZodType<T>, input: unknown): T | undefined {
  return schema.safeParse(input).data;
}

export function isSection(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}
