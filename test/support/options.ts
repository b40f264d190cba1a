import { parseArgs } from "node:util";

// The options of a command by a table: what they are called, what they take, and what they are without being given. What is wrong
// is refused before anything runs, for a suite that ran nothing finds nothing.

interface Told {
  /** For the usage: what it is about. */
  readonly help: string;
}

/** A whole number. */
interface Count extends Told {
  readonly kind: "count";
  /** Absent where that depends on other options. */
  readonly default?: number;
  /** 1 where it is not given. */
  readonly min?: number;
}

interface Flag extends Told {
  readonly kind: "flag";
}

interface Choice<Name extends string = string> extends Told {
  readonly kind: "choice";
  readonly of: readonly Name[];
  /** Instead of all names, where they are many. */
  readonly shown?: string;
}

/** Some of these, with commas between them. */
interface Choices extends Omit<Choice, "kind"> {
  readonly kind: "choices";
}

interface Text extends Told {
  readonly kind: "text";
  readonly default?: string;
}

type Option = Count | Flag | Choice | Choices | Text;
type Table = Readonly<Record<string, Option>>;

type Value<Of extends Option> = Of extends Count
  ? Of extends { readonly default: number }
    ? number
    : number | undefined
  : Of extends Flag
    ? boolean
    : Of extends Choice<infer Name>
      ? Name | undefined
      : Of extends Choices
        ? readonly string[] | undefined
        : Of extends { readonly default: string }
          ? string
          : string | undefined;

type Values<Of extends Table> = { readonly [Name in keyof Of]: Value<Of[Name]> };

interface Command<Of extends Table> {
  /** As it is typed, with what is not an option: `npm run fuzz -- TARGET...`. One line for each way, the first one with the options. */
  readonly usage: readonly string[];
  /** What it is for, where that is not plain from its name. */
  readonly about?: string;
  readonly options: Of;
  /** Whether it takes what is not an option. */
  readonly takesWords?: boolean;
}

export interface Given<Of extends Table> {
  readonly values: Values<Of>;
  readonly words: readonly string[];
}

/** What was typed, or what is wrong with it. */
type Reading<Of extends Table> = Given<Of> | { readonly fault: string } | "help";

const LEAST = 1;

export function read<const Of extends Table>(command: Command<Of>, args: readonly string[]): Reading<Of> {
  const { options, takesWords = false } = command;
  const known = Object.entries(options).map(([name, { kind }]) => [
    name,
    { type: kind === "flag" ? "boolean" : "string" },
  ]);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: {
      ...(Object.fromEntries(known) as Record<string, { type: "boolean" | "string" }>),
      help: { type: "boolean", short: "h" },
    },
  });
  const values: Record<string, unknown> = Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, withoutBeingGiven(option)]),
  );
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (!takesWords) return { fault: `${token.value} is no option` };
      words.push(token.value);
      continue;
    }
    if (token.name === "help") return "help";
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) return { fault: `there is no option ${token.rawName}` };
    const taken = take(option, token.value);
    if ("fault" in taken) return { fault: `--${token.name} takes ${taken.fault}` };
    values[token.name] = taken.value;
  }
  return { values: values as Values<Of>, words };
}

function withoutBeingGiven(option: Option): unknown {
  if (option.kind === "flag") return false;
  return "default" in option ? option.default : undefined;
}

function take(option: Option, given: string | undefined): { readonly value: unknown } | { readonly fault: string } {
  const instead = given === undefined ? "" : `, not ${JSON.stringify(given)}`;
  switch (option.kind) {
    case "flag":
      return given === undefined ? { value: true } : { fault: `no value${instead}` };
    case "count": {
      const { min = LEAST } = option;
      const count = /^\d+$/.test(given ?? "") ? Number(given) : Number.NaN;
      return Number.isSafeInteger(count) && count >= min
        ? { value: count }
        : { fault: `a whole number, ${min} or more${instead}` };
    }
    case "choice":
      return option.of.includes(given ?? "") ? { value: given } : { fault: `one of ${option.of.join(", ")}${instead}` };
    case "choices": {
      const some = given?.split(",") ?? [""];
      const strange = some.filter((name) => !option.of.includes(name));
      if (strange.length === 0) return { value: some };
      return { fault: `some of ${option.of.join(",")}, not ${JSON.stringify(strange.join(","))}` };
    }
    default:
      return (given ?? "") === "" ? { fault: "a value" } : { value: given };
  }
}

/** What is typed in place of a value. */
function placeOf(option: Option): string {
  if (option.kind === "flag") return "";
  if (option.kind === "count") return " N";
  if (option.kind === "text") return " TEXT";
  return ` ${option.shown ?? option.of.join(option.kind === "choice" ? "|" : ",")}`;
}

export function usageOf({ usage, about, options }: Command<Table>): string {
  const rows = Object.entries(options).map(([name, option]): readonly [string, string] => {
    const otherwise = "default" in option && option.default !== undefined ? ` (${option.default})` : "";
    return [`--${name}${placeOf(option)}`, `${option.help}${otherwise}`];
  });
  const width = Math.max(...rows.map(([typed]) => typed.length));
  const lines = usage.map((line, at) => `${at === 0 ? "usage: " : "       "}${line}`);
  const more = about === undefined ? [] : ["", about];
  const table = rows.map(([typed, help]) => `  ${typed.padEnd(width)}  ${help}`);
  return [...lines, ...more, ...(table.length === 0 ? [] : ["", ...table])].join("\n");
}

/** For a command: what is wrong ends the process with 2 and a line that says why, before anything is run. */
export function optionsOf<const Of extends Table>(
  command: Command<Of>,
  args: readonly string[] = process.argv.slice(2),
): Given<Of> {
  const reading = read(command, args);
  if (reading === "help") {
    console.log(usageOf(command));
    process.exit(0);
  }
  if ("fault" in reading) return refuse(reading.fault, command);
  return reading;
}

export function refuse(fault: string, command: Command<Table>): never {
  console.error(`${fault}; nothing was run\n\n${usageOf(command)}`);
  process.exit(2);
}

/** These options as they are typed, for a record: those with a number, and those that were asked for. */
export function typed(values: Readonly<Record<string, unknown>>, ...names: readonly string[]): string {
  return (names.length === 0 ? Object.keys(values) : names)
    .filter((name) => values[name] !== undefined && values[name] !== false)
    .map((name) => (values[name] === true ? `--${name}` : `--${name} ${String(values[name])}`))
    .join(" ");
}

/** A suite that did nothing shows nothing: what is 0 of what it had to do ends it with 1, and is told. */
export function refuseNothing(done: Readonly<Record<string, number>>): void {
  const nothing = Object.entries(done).flatMap(([what, count]) => (count > 0 ? [] : [`0 ${what}`]));
  if (nothing.length === 0) return;
  console.error(`a run that shows nothing: ${nothing.join(", ")}`);
  process.exitCode = 1;
}
