import { shown } from "../markdown.ts";
import type { Counts } from "../../test/support/result-file.ts";

// When the target of a figure holds, and how both are said.

/** A target in terms of counts. All of it has to hold. */
interface Terms {
  readonly zero?: readonly string[];
  /** How much has to be run: what has less is a part of a run. */
  readonly atLeast?: Readonly<Record<string, number>>;
  /** What has to be so much, however long the run is. */
  readonly reaches?: Readonly<Record<string, number>>;
  readonly atMost?: Readonly<Record<string, number>>;
  /** Pairs of counts that have to be the same. */
  readonly equal?: readonly (readonly [string, string])[];
}

/** Where a target does not hold: why, and how much of it is excused by that. All else of the target has to hold. */
export interface Short {
  readonly why: string;
  /** Instead of the target's own. */
  readonly atMost: Readonly<Record<string, number>>;
}

/** One line of a figure: what one suite says about it. */
export interface Showing extends Terms {
  readonly suite: string;
  /** Braces name counts: `{lost} of {acknowledged}`. */
  readonly value: string;
  /** Braces name terms: their numbers are written nowhere else. */
  readonly target: string;
  readonly short?: Short;
}

export interface Figure {
  readonly number: number;
  readonly name: string;
  readonly showings: readonly Showing[];
}

/** The counts that a line speaks of: each has to be in its suite's result. */
export function countsOf(showing: Showing): readonly string[] {
  const shown = [...showing.value.matchAll(/\{(\w+)\}/g)].map((found) => found[1]!);
  return [...new Set([...shown, ...termsOf(showing)])];
}

function termsOf({ zero = [], atLeast = {}, reaches = {}, atMost = {}, equal = [] }: Terms): readonly string[] {
  return [...zero, ...Object.keys({ ...atLeast, ...reaches, ...atMost }), ...equal.flat()];
}

/** The target in words. */
export function targetOf({ target, atLeast, reaches, atMost }: Showing): string {
  return filled(target, { ...atLeast, ...reaches, ...atMost });
}

/** A text with counts in its braces. */
export function filled(text: string, counts: Counts): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => shown(counts[name]));
}

/** What may not be exceeded in any case. */
export function excused({ short, ...terms }: Showing): Terms {
  return { ...terms, atMost: { ...terms.atMost, ...short?.atMost } };
}

export function holds(terms: Terms, counts: Counts): boolean {
  const { bounds, sizes } = missed(terms, counts);
  return bounds.length + sizes.length === 0;
}

interface Missed {
  /** What is not as it has to be. */
  readonly bounds: readonly string[];
  /** What there was not enough of to show it. */
  readonly sizes: readonly string[];
}

export function missed(terms: Terms, counts: Counts): Missed {
  const { zero = [], atLeast = {}, reaches = {}, atMost = {}, equal = [] } = terms;
  const of = (name: string): number => counts[name] ?? Number.NaN;
  const less = (those: Readonly<Record<string, number>>): string[] =>
    Object.entries(those)
      .filter(([name, least]) => of(name) < least)
      .map(([name, least]) => `${name} ${shown(of(name))} of ${shown(least)}`);
  const more = Object.entries(atMost).filter(([name, most]) => of(name) > most);
  const apart = equal.filter(([one, other]) => of(one) < of(other) || of(one) > of(other));
  const unknown = termsOf(terms).filter((name) => !Number.isFinite(of(name)));
  return {
    bounds: [
      ...zero.filter((name) => of(name) !== 0 && Number.isFinite(of(name))).map((name) => `${name} ${shown(of(name))}`),
      ...less(reaches),
      ...more.map(([name, most]) => `${name} ${shown(of(name))}, at most ${shown(most)}`),
      ...apart.map(([one, other]) => `${one} ${shown(of(one))}, ${other} ${shown(of(other))}`),
    ],
    sizes: [...less(atLeast), ...[...new Set(unknown)].map((name) => `${name} not counted`)],
  };
}

/** Whether these counts are of what the target is about. */
export function isShown(showing: Showing, counts: Counts): boolean {
  return termsOf(showing).some((name) => counts[name] !== undefined);
}
