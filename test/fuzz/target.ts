import { isDeepStrictEqual } from "node:util";
import { type Chance, between, seeded } from "../support/chance.ts";

/** Something that takes what a peer or a file says, and what has to hold whatever that is. */
export interface Target {
  readonly name: string;
  /** Files below `src` that these inputs have to reach. */
  readonly files: readonly string[];
  /** Lines of them that no input can reach, by a piece of their text, and why. */
  readonly unreachable?: Readonly<Record<string, string>>;
  /** Whole inputs to begin with. A character up to U+00FF is an octet; what is beyond stands for its UTF-8. */
  readonly seeds: readonly string[];
  /** Words of its grammar. */
  readonly tokens: readonly string[];
  /** An input as the grammar has it, more or less. */
  readonly generate?: (chance: Chance) => string;
  /** Characters of an input at most. */
  readonly lengthMax?: number;
  /** Of the inputs that are asked for, where each takes a connection or a process. */
  readonly share?: number;
  /** Throws where something does not hold. */
  readonly check: (input: string) => void | Promise<void>;
  /** What was seen on the way, for the last line of a run: `states 12 of 30`. */
  readonly summary?: () => Readonly<Record<string, number>>;
  /** Where something has to be ended. */
  readonly close?: () => Promise<void>;
}

/** Something that has to hold does not. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function holds(condition: boolean, claim: string, ...values: readonly unknown[]): asserts condition {
  if (!condition) throw new Violation([claim, ...values.map(shown)].join(" | "));
}

export function same(a: unknown, b: unknown, claim: string): void {
  if (a === b || isDeepStrictEqual(a, b)) return;
  const [one, other] = [shown(a), shown(b)];
  if (one !== other) throw new Violation(`${claim} | ${one} | ${other}`);
}

/** As JSON in ASCII, sets and maps as lists, octets as one character each. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) => plain(inner)) ?? "undefined";
  return text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function plain(value: unknown): unknown {
  if (value === undefined) return "(undefined)";
  if (value instanceof Uint8Array) return textOf(value);
  return value instanceof Set || value instanceof Map ? [...value] : value;
}

const isOctets = /^[\0-\xff]*$/;

export function octetsOf(input: string): Uint8Array {
  const latin1 = isOctets.test(input) ? input : input.replace(/[^\0-\xff]+/g, (c) => Buffer.from(c).toString("latin1"));
  const found = new Uint8Array(latin1.length);
  for (let i = 0; i < latin1.length; i++) found[i] = latin1.charCodeAt(i);
  return found;
}

/** One character an octet. */
export function textOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("latin1");
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Chance that depends on the input alone, so that an input says all. */
export function chanceOf(input: string): Chance {
  let hash = 0x811c9dc5;
  for (let i = 0; i < input.length && i < 256; i++) hash = Math.imul(hash ^ input.charCodeAt(i), 0x01000193);
  return seeded(hash ^ input.length);
}

/** Cut at some places, or octet by octet. No octet is lost; pieces may be empty. */
export function cut(octets: Uint8Array, chance: Chance): Uint8Array[] {
  const isByOctet = octets.length < 600 && chance() < 0.3;
  const places = isByOctet
    ? Array.from(octets, (_, at) => at)
    : Array.from({ length: between(chance, 1, 6) }, () => between(chance, 0, octets.length)).sort((a, b) => a - b);
  const ends = [...places, octets.length];
  return ends.map((end, at) => octets.slice(at === 0 ? 0 : ends[at - 1], end));
}

// Written down here again, and not taken from the code that is judged: what nobody may be shown or sent as it is.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;

export function holdsNoHidden(text: string, what: string): void {
  if (HIDDEN.test(text)) throw new Violation(`${what} has a character that hides | ${shown(text)}`);
}

/** The first that fits; weights need not add up to anything. */
export function oneOf<T>(chance: Chance, list: readonly T[]): T {
  return list[Math.floor(chance() * list.length)]!;
}

export function some(chance: Chance, most: number, make: () => string, glue = ""): string {
  return Array.from({ length: between(chance, 0, most) }, make).join(glue);
}
