import { resolve } from "node:path";
import { hasHidden } from "../../core/base/printable.ts";
import type { Environment } from "./find.ts";
import { type FileText, readSecretFile, readValueFile } from "./secret-file.ts";
import { type Variable, VARIABLES, type VariableName, isSet, unknownVariables } from "./variables.ts";

export interface Given {
  readonly text: string;
  /** As it was set: `WAYPOST_NETWORKS`, `MYNETWORKS_FILE`. */
  readonly from: string;
  /** Of a list: which entry of what was set each entry of `text` stands for, from 0. */
  readonly entries: readonly number[];
}

export interface EnvironmentValues {
  readonly values: ReadonlyMap<VariableName, Given>;
  /** What is set and cannot be taken: why is among the errors. */
  readonly failed: ReadonlySet<VariableName>;
  /** Lines for people. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Blanks, commas and line ends between. */
export function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}

/** What the entries of the second names mean in our words. Postfix's access tables match the domains below a domain, too. */
const IN_OUR_WORDS: Readonly<Record<string, (entry: string) => readonly string[]>> = {
  ALLOWED_SENDER_DOMAINS: (domain) => (domain.includes("@") ? [domain] : [`@${domain}`, `@*.${domain}`]),
};

/** What Postfix takes in a list (postconf(5), mynetworks) and we do not: it would have to mean what it means there. */
function postfixForm(entry: string): string | undefined {
  if (entry.startsWith("!"))
    return "is an exclusion: name what is permitted without it, for there are no exclusions here";
  if (entry.startsWith("/") || /^[a-z_]+:\//.test(entry))
    return "is a table: tables are not read; put the entries here, or into a file that this name with _FILE behind it names";
  return undefined;
}

const LISTS: ReadonlySet<string> = new Set(["WAYPOST_LISTEN", "WAYPOST_NETWORKS", "WAYPOST_SENDERS"]);

type OurVariable = Variable & { readonly name: VariableName };

class Reading {
  readonly values = new Map<VariableName, Given>();
  readonly failed = new Set<VariableName>();
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly #environment: Environment;
  readonly #folder: string;

  constructor(environment: Environment, folder: string) {
    this.#environment = environment;
    this.#folder = folder;
  }

  async take(variable: OurVariable): Promise<void> {
    const { name, secondName } = variable;
    if (this.#environment[name] === "") this.#empty(name, variable);
    const own = await this.#given(name, variable);
    const second = secondName === undefined ? undefined : await this.#given(secondName, variable);
    if (own !== undefined && second !== undefined && !isSame(own.text, second.text))
      this.errors.push(`${own.from}: ${second.from} says something else; leave one of them out`);
    if (own === undefined && second !== undefined) this.warnings.push(`${second.from}: taken for ${name}`);
    const taken = own ?? second;
    if (taken === undefined) return;
    if (hasHidden(taken.text) && !LISTS.has(name))
      this.#fail(name, `${taken.from}: has a control or invisible character in it, such as the end of a line`);
    else this.values.set(name, taken);
  }

  #fail(name: VariableName, line: string): void {
    this.failed.add(name);
    this.errors.push(line);
  }

  /** No senders would have to mean either nobody or everybody: neither is to come about by a variable that was forgotten. */
  #empty(from: string, { name }: OurVariable): void {
    if (name === "WAYPOST_SENDERS") this.errors.push(`${from}: is empty; name senders, or unset it to permit all`);
    else this.warnings.push(`${from}: is empty, and as good as not set`);
  }

  /** By one of its names; undefined where it is not set, or was an error. */
  async #given(name: string, variable: OurVariable): Promise<Given | undefined> {
    const file = `${name}_FILE`;
    const isFromFile = isSet(this.#environment, file);
    if (isSet(this.#environment, name)) {
      if (isFromFile) this.errors.push(`${name}: ${file} is set too; leave one of them out`);
      return this.#understood(name, name, this.#environment[name]!, variable);
    }
    if (!isFromFile) return undefined;
    const read = await this.#read(this.#environment[file]!, variable.file);
    if (read.kind === "failed") {
      this.#fail(variable.name, `${file}: ${read.why}`);
      return undefined;
    }
    if (read.warning !== undefined) this.warnings.push(`${file}: ${read.warning}`);
    if (read.text !== "") return this.#understood(name, file, read.text, variable);
    this.#empty(file, variable);
    return undefined;
  }

  /** In our words; undefined where it was an error. */
  #understood(name: string, from: string, text: string, variable: OurVariable): Given | undefined {
    const asked = listOf(text);
    const inOurWords = IN_OUR_WORDS[name] ?? ((entry: string) => [entry]);
    const entries = asked.flatMap((entry, at) => inOurWords(entry).map(() => at));
    if (name !== variable.secondName || !LISTS.has(variable.name)) return { text, from, entries };
    const strange = asked.flatMap((entry, at) => {
      const form = postfixForm(entry);
      return form === undefined ? [] : [`${from}, entry ${at + 1}: ${form}`];
    });
    for (const line of strange) this.#fail(variable.name, line);
    return strange.length > 0 ? undefined : { text: asked.flatMap(inOurWords).join(", "), from, entries };
  }

  async #read(file: string, kind: Variable["file"]): Promise<FileText> {
    const path = resolve(this.#folder, file);
    if (kind === "pem") return { kind: "text", text: path }; // the path is what the configuration takes
    return await (kind === "secret" ? readSecretFile(path) : readValueFile(path));
  }
}

function isSame(one: string, other: string): boolean {
  return listOf(one).join() === listOf(other).join();
}

/** What the variables say, by whichever of their names, and from whichever file. */
export async function readVariables(environment: Environment, folder: string): Promise<EnvironmentValues> {
  const reading = new Reading(environment, folder);
  for (const variable of VARIABLES) await reading.take(variable);
  const { values, failed, errors, warnings } = reading;
  return { values, failed, errors, warnings: [...warnings, ...unknownVariables(environment)] };
}
