// Walking the schema: which keys are known at a place, and every key for the reference page.

import * as z from "zod";
import type { ConfigPath } from "./issue.ts";

/** The schema behind what only wraps it: optional, default, prefault, transform. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.def.innerType);
  return schema instanceof z.ZodPipe ? unwrap(schema.def.in) : schema;
}

function inside(schema: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  const plain = unwrap(schema);
  if (plain instanceof z.ZodArray) return plain.def.element;
  if (plain instanceof z.ZodRecord) return plain.def.valueType;
  return plain instanceof z.ZodObject ? (plain.shape as Record<string, z.core.$ZodType>)[part] : undefined;
}

/** The keys that may stand in the section at `path`; none where the place has no fixed keys. */
export function knownKeys(schema: z.core.$ZodType, path: ConfigPath): readonly string[] {
  let place: z.core.$ZodType | undefined = schema;
  for (const part of path) place = place === undefined ? undefined : inside(place, part);
  const plain = place === undefined ? undefined : unwrap(place);
  return plain instanceof z.ZodObject ? Object.keys(plain.shape) : [];
}
