import * as limits from "../../src/core/base/limits.ts";
import { type Chance, between } from "../support/chance.ts";
import type { Target } from "./target.ts";

const LENGTH_MAX = 4096;
const POOL_MAX = 4000;
/** What ends, hides, or is taken for something else. */
const SPECIAL = [
  ..."\r\n\t\0\v\f\x1b\x7f .,;:@<>()[]{}\"'\\=+-_%*/?!#&|$~^`".split(""),
  "\r\n",
  "\r\n.\r\n",
  "\n.\n",
  "\r\r\n",
  "\x80",
  "\x85",
  "\xa0",
  "\xad",
  "\xc0",
  "\xc3",
  "\xc3\xa4",
  "\xe2\x80\xa8",
  "\xed\xa0\x80",
  "\xf4\x90\x80\x80",
  "\xfe",
  "\xff",
  "\u0131",
  "\u017f",
  "\u212a",
  "\u2028",
  "\u2029",
  "\u202e",
  "\u200b",
  "\ufeff",
  "\ud83d\ude00",
  "\ud800",
  "\u00df",
  "\u3002",
  "e\u0301",
  "__proto__",
];
const POWERS = [2 ** 31, 2 ** 32, 2 ** 53, 1e21, Number.MAX_VALUE];
const SIZES = [0, 1, 2, 3, 7, 9, 10, 20, 40, 63, 64, 70, 75, 76, 78, 80, 100, 126, 127, 128, 200, 240, 255, 256, 500];

/** Every bound that the program has, and what is one beside it. */
function boundaries(): readonly number[] {
  const bounds = Object.values(limits).flatMap((group) => (typeof group === "object" ? Object.values(group) : group));
  const all = [...bounds, ...SIZES, 512, 998, 1000, 1024, 2048, 4096, 8192, 65_535, 65_536];
  return [...new Set(all.flatMap((n) => [n - 1, n, n + 1]))].filter((n) => n >= 0).sort((a, b) => a - b);
}

const BOUNDS = boundaries();

type Change = (text: string) => string;

/** Inputs out of seeds, words and what was kept; the same for the same seed. */
export class Mutation {
  readonly #chance: Chance;
  readonly #target: Target;
  readonly #tokens: readonly string[];
  readonly #lengthMax: number;
  readonly #lengths: readonly number[];
  readonly #pool: string[];
  readonly #changes: readonly Change[];

  constructor(target: Target, chance: Chance) {
    this.#target = target;
    this.#chance = chance;
    this.#lengthMax = target.lengthMax ?? LENGTH_MAX;
    this.#tokens = [...new Set([...target.tokens, ...target.tokens.map((t) => t.toLowerCase())])];
    this.#lengths = BOUNDS.filter((n) => n <= this.#lengthMax);
    this.#pool = target.seeds.length === 0 ? [""] : [...target.seeds];
    this.#changes = [
      (text) => this.#insert(text, this.#token()),
      (text) => this.#insert(text, this.#token()),
      (text) => this.#insert(text, this.#one(SPECIAL)),
      (text) => this.#replace(text, this.#one(SPECIAL)),
      (text) => this.#replace(text, this.#token()),
      (text) => this.#replace(text, String.fromCharCode(between(this.#chance, 0, 255))),
      (text) => this.#delete(text),
      (text) => this.#duplicate(text),
      (text) => this.#swap(text),
      (text) => this.#splice(text),
      (text) => this.#number(text),
      (text) => this.#run(text),
      (text) => text.slice(0, this.#place(text)),
      (text) => this.#flip(text),
    ];
  }

  get poolSize(): number {
    return this.#pool.length;
  }

  /** It reached something that no other did. */
  keep(input: string): void {
    if (this.#pool.length < POOL_MAX) this.#pool.push(input);
    else this.#pool[between(this.#chance, this.#target.seeds.length, POOL_MAX - 1)] = input;
  }

  next(): string {
    const { generate } = this.#target;
    const kind = this.#chance();
    const isNew = kind < 0.25;
    let text = isNew ? (generate?.(this.#chance) ?? this.#words()) : this.#one(this.#pool);
    const changes = isNew && kind < 0.12 ? 0 : Math.floor(-Math.log(1 - this.#chance()) * 2) + (isNew ? 0 : 1);
    for (let n = 0; n < Math.min(changes, 12); n++) text = this.#one(this.#changes)(text);
    return text.length > this.#lengthMax ? text.slice(0, this.#lengthMax) : text;
  }

  #words(): string {
    let text = "";
    for (let n = between(this.#chance, 0, 8); n > 0; n--) text += this.#token();
    return text;
  }

  #one<T>(list: readonly T[]): T {
    return list[Math.floor(this.#chance() * list.length)]!;
  }

  #token(): string {
    return this.#tokens.length === 0 ? this.#one(SPECIAL) : this.#one(this.#tokens);
  }

  #place(text: string): number {
    return between(this.#chance, 0, text.length);
  }

  /** Mostly short. */
  #span(text: string): [number, number] {
    const start = this.#place(text);
    const most = this.#chance() < 0.7 ? 8 : text.length;
    return [start, Math.min(text.length, start + between(this.#chance, 0, most))];
  }

  #insert(text: string, piece: string): string {
    const at = this.#place(text);
    return text.slice(0, at) + piece + text.slice(at);
  }

  #replace(text: string, piece: string): string {
    const at = this.#place(text);
    return text.slice(0, at) + piece + text.slice(at + (this.#chance() < 0.5 ? 1 : piece.length));
  }

  #delete(text: string): string {
    const [start, end] = this.#span(text);
    return text.slice(0, start) + text.slice(Math.max(end, start + 1));
  }

  #duplicate(text: string): string {
    const [start, end] = this.#span(text);
    return text.slice(0, end) + text.slice(start);
  }

  #swap(text: string): string {
    const places = [0, 0, 0, 0].map(() => this.#place(text)).sort((a, b) => a - b);
    const [a = 0, b = 0, c = 0, d = 0] = places;
    return text.slice(0, a) + text.slice(c, d) + text.slice(b, c) + text.slice(a, b) + text.slice(d);
  }

  #splice(text: string): string {
    const other = this.#one(this.#pool);
    const [start, end] = this.#span(other);
    return this.#chance() < 0.5
      ? text.slice(0, this.#place(text)) + other.slice(start)
      : this.#insert(text, other.slice(start, end));
  }

  #number(text: string): string {
    const numbers = [...text.slice(0, 2000).matchAll(/[0-9]+/g)];
    const bound = this.#chance() < 0.2 ? this.#one(POWERS) : this.#one(BOUNDS);
    const number = this.#chance() < 0.3 ? between(this.#chance, 0, 300) : bound;
    if (numbers.length === 0) return this.#insert(text, `${number}`);
    const { 0: digits, index } = this.#one(numbers);
    return text.slice(0, index) + number + text.slice(index + digits.length);
  }

  /** A piece again and again, up to a length that is a bound. */
  #run(text: string): string {
    if (this.#chance() > 0.15) return this.#insert(text, this.#token().repeat(between(this.#chance, 2, 5)));
    const [start, end] = this.#span(text);
    const piece = this.#chance() < 0.5 ? "x" : this.#chance() < 0.5 ? this.#token() : text.slice(start, end);
    if (piece === "") return text;
    const length = this.#one(this.#lengths);
    const at = this.#place(text);
    const room = this.#chance() < 0.5 ? length : Math.max(0, length - text.length);
    return text.slice(0, at) + piece.repeat(Math.ceil(room / piece.length)).slice(0, room) + text.slice(at);
  }

  #flip(text: string): string {
    if (text === "") return text;
    const at = between(this.#chance, 0, text.length - 1);
    const code = text.charCodeAt(at) ^ (1 << between(this.#chance, 0, 7));
    return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
  }
}
