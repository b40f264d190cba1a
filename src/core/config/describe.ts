import * as z from "zod";
import type { KeyWords } from "./fields.ts";
import { configSchema } from "./schema.ts";
import { unwrap } from "./shape.ts";

/** One key, as the reference page shows it. */
export interface KeyRow {
  /** `listeners[].tls`, `smarthosts.NAME.url` */
  readonly key: string;
  /** The form of its value: `starttls`, `implicit` or `none`; ADDRESS:PORT. */
  readonly takes: string;
  /** What holds without it; undefined where it may not be absent. */
  readonly whenAbsent: string | undefined;
  readonly description: string;
}

/** A top-level key with the keys below it, or by itself. */
export interface KeySection {
  readonly row: KeyRow;
  readonly rows: readonly KeyRow[];
}

type Schema = z.core.$ZodType;

/** The words may stand at any of the wrappings; the outermost wins. */
export function wordsOf(schema: Schema): Partial<KeyWords> {
  const own = (z.globalRegistry.get(schema) ?? {}) as Partial<KeyWords>;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return { ...wordsOf(schema.def.innerType), ...own };
  if (schema instanceof z.ZodArray) return { ...wordsOf(schema.def.element), ...own };
  return schema instanceof z.ZodRecord ? { ...wordsOf(schema.def.valueType), ...own } : own;
}

function numberRange(schema: z.ZodNumber): string {
  return `whole number, ${schema.minValue} to ${schema.maxValue}`;
}

function takesOf(schema: Schema): string {
  const plain = unwrap(schema);
  if (plain instanceof z.ZodEnum) return plain.options.map((option) => `\`${String(option)}\``).join(", ");
  if (plain instanceof z.ZodBoolean) return "`true`, `false`";
  if (plain instanceof z.ZodNumber) return numberRange(plain);
  if (plain instanceof z.ZodArray) return "list";
  return plain instanceof z.ZodRecord ? "names, with keys each" : "keys";
}

function defaultOf(schema: Schema): string | undefined {
  if (schema instanceof z.ZodPrefault) return "the defaults below";
  if (!(schema instanceof z.ZodDefault)) return undefined;
  const value = schema.def.defaultValue;
  return typeof value === "object" ? "none" : `\`${JSON.stringify(value).replaceAll('"', "")}\``;
}

function rowOf(key: string, schema: Schema): KeyRow {
  const { takes, whenAbsent, description = "" } = wordsOf(schema);
  const fallback = schema instanceof z.ZodOptional ? "" : defaultOf(schema);
  return {
    key,
    takes: takes ?? takesOf(schema),
    whenAbsent: fallback === undefined ? undefined : (whenAbsent ?? fallback),
    description,
  };
}

/** The keys below `schema`, depth first, in the order of the schema. */
function rowsBelow(prefix: string, schema: Schema): readonly KeyRow[] {
  const plain = unwrap(schema);
  if (plain instanceof z.ZodArray) return rowsBelow(`${prefix}[]`, plain.def.element);
  if (plain instanceof z.ZodRecord) return rowsBelow(`${prefix}.NAME`, plain.def.valueType);
  if (!(plain instanceof z.ZodObject)) return [];
  return Object.entries(plain.shape as Record<string, Schema>).flatMap(([name, inner]) => {
    const key = `${prefix}.${name}`;
    return [rowOf(key, inner), ...rowsBelow(key, inner)];
  });
}

/** Every key of the configuration with its words. */
export function describeConfig(): readonly KeySection[] {
  return Object.entries(configSchema.shape).map(([key, schema]) => ({
    row: rowOf(key, schema),
    rows: rowsBelow(key, schema),
  }));
}
