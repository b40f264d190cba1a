import { dirname, resolve } from "node:path";
import { unreachable } from "../../core/base/invariant.ts";
import type { Config } from "../../core/config/config.ts";
import { type ConfigIssue, type ConfigPath, configPathText, issue } from "../../core/config/issue.ts";
import { type NamedFiles, namedFiles, withPaths } from "../../core/config/named-files.ts";
import { type ParsedConfig, parseConfig } from "../../core/config/parse.ts";
import { type Position, readYaml, type YamlFile } from "./document.ts";
import { type ConfigText, type Environment, findConfig, type Surroundings } from "./find.ts";
import { readVariables } from "./environment-values.ts";
import { configFromEnvironment, variableAt, variableOf } from "./from-environment.ts";
import { checkNamedFiles } from "./named-files.ts";
import { type FileText, mayOthersRead, readSecretFile } from "./secret-file.ts";
import {
  isPassword,
  isSmartHostUrl,
  mapTexts,
  percentEncoded,
  SECRET_FILE,
  showsSecret,
  substitute,
} from "./substitute.ts";
import { slipsOfNames, variablesBeside } from "./variables.ts";

export interface LoadOptions extends Surroundings {
  /** Name of the machine, for a configuration without a file. */
  readonly systemName: string;
}

/** Lines are for people, `waypost.yaml:3:5: listeners[0].tls: …`, and never hold a secret. */
export type LoadedConfig =
  | {
      readonly kind: "loaded";
      /** Paths in it are absolute. */
      readonly config: Config;
      /** What the file holds, variables and secret files filled in: what a reload is compared with. */
      readonly values: unknown;
      /** The file, or the variable in place of one. */
      readonly source: string;
      /** Where the file is, absolute; undefined where the environment is all. */
      readonly file: string | undefined;
      readonly warnings: readonly string[];
      /** What else is found, in words for people. */
      readonly line: (found: ConfigIssue) => string;
    }
  | {
      readonly kind: "invalid";
      readonly errors: readonly string[];
      /** The data folder, absolute, where that can be told all the same: by it a relay that runs is found. */
      readonly data?: string | undefined;
    }
  | { readonly kind: "nowhere"; readonly places: readonly string[] };

/** Finds, reads and checks the configuration. Changes nothing; may be called again for a reload. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const found = await findConfig(options);
  switch (found.kind) {
    case "nowhere": {
      const slips = slipsOfNames(options.environment);
      return slips.length === 0 ? found : { kind: "invalid", errors: slips };
    }
    case "failed":
      return { kind: "invalid", errors: [found.error] };
    case "environment":
      return await loadFromEnvironment(found.variable, options);
    case "file":
      return await loadFile(found, options.environment);
    default:
      return unreachable(found);
  }
}

async function loadFromEnvironment(
  source: string,
  { environment, systemName, folder }: LoadOptions,
): Promise<LoadedConfig> {
  const found = await readVariables(environment, folder);
  const { input, ...odd } = configFromEnvironment(found, systemName);
  const parsed = parseConfig(input);
  const line = ({ path, message }: ConfigIssue): string => `${variableAt(path, found)}: ${withAdvice(path, message)}`;
  const isValid = parsed.kind === "config" && found.errors.length + odd.errors.length === 0;
  const faults = isValid ? [] : await faultsOfFiles(parsed, folder);
  const issues = parsed.kind === "config" ? parsed.warnings : parsed.issues;
  const lines = [...issues, ...faults].filter(({ path }) => !found.failed.has(variableOf(path.join(".")))).map(line);
  const errors = [...found.errors, ...odd.errors, ...(parsed.kind === "config" ? faults.map(line) : lines)];
  // One value may go to two places, and be wrong in both.
  if (parsed.kind === "invalid" || errors.length > 0)
    return { kind: "invalid", errors: [...new Set(errors)], data: filesOf(parsed, folder).data };
  const config = withAbsolutePaths(parsed.config, folder);
  return {
    kind: "loaded",
    config,
    values: input,
    source,
    file: undefined,
    warnings: [...found.warnings, ...odd.warnings, ...lines],
    line,
  };
}

/** Told beside all else that is wrong; of a configuration that is right, whoever is about to run it looks at its files. */
async function faultsOfFiles(parsed: ParsedConfig, folder: string): Promise<readonly ConfigIssue[]> {
  const { errors } = await checkNamedFiles(filesOf(parsed, folder));
  return errors;
}

function filesOf(parsed: ParsedConfig, folder: string): NamedFiles {
  const files = parsed.kind === "config" ? namedFiles(parsed.config) : parsed.files;
  return withPaths(files, (path) => resolve(folder, path));
}

/** A password that is awkward in a URL has a variable of its own; what is dangerous has none. */
function withAdvice(path: ConfigPath, message: string): string {
  if (message.includes("access.open_to_everyone")) return `${message}, in a configuration file`;
  if (!isSmartHostUrl(path) || !message.includes("%")) return message;
  return `${message}; or put them into WAYPOST_RELAYHOST_USERNAME and WAYPOST_RELAYHOST_PASSWORD as they are`;
}

async function loadFile(found: ConfigText, environment: Environment): Promise<LoadedConfig> {
  const yaml = readYaml(found.text);
  if (yaml.kind === "broken") {
    const errors = yaml.problems.map(({ position, message }) => `${place(found.name, position)}: ${message}`);
    return { kind: "invalid", errors };
  }
  const folder = dirname(found.path);
  const { value, issues, remarks, shown } = await fillIn(yaml.file.value, environment, folder);
  const parsed = parseConfig(value);
  const line = lineIn(found.name, yaml.file);
  if (parsed.kind === "invalid" || issues.length + yaml.file.repeated.length > 0) {
    const wrong = [...issues, ...withoutThoseUnder(parsed.kind === "invalid" ? parsed.issues : [], issues)];
    const errors = [...wrong, ...withoutThoseUnder(await faultsOfFiles(parsed, folder), wrong)];
    const { data } = filesOf(parsed, folder);
    const isKnown = !wrong.some(({ path }) => path[0] === "data");
    return {
      kind: "invalid",
      errors: linesInOrder(found.name, yaml.file, errors),
      data: isKnown ? data : undefined,
    };
  }
  const config = withAbsolutePaths(parsed.config, folder);
  const warnings = [...parsed.warnings, ...remarks, ...(await warnOfShownSecret(found, shown))];
  const beside = variablesBeside(found.name, found.text, environment);
  return {
    kind: "loaded",
    config,
    values: value,
    source: found.name,
    file: found.path,
    warnings: [...inOrder(warnings, yaml.file).map(line), ...beside],
    line,
  };
}

/** One warning for the whole file: it is its mode that is to be changed. */
async function warnOfShownSecret({ name, path }: ConfigText, [first]: readonly ConfigPath[]): Promise<ConfigIssue[]> {
  if (first === undefined || !(await mayOthersRead(path))) return [];
  return [
    issue(
      first,
      `is a password in a file that others may read: run chmod 600 ${name}, or take it from the environment`,
    ),
  ];
}

interface FilledIn {
  readonly value: unknown;
  readonly issues: readonly ConfigIssue[];
  /** What is odd, and no error. */
  readonly remarks: readonly ConfigIssue[];
  /** Where the file shows a secret. */
  readonly shown: readonly ConfigPath[];
}

/** Variables and secret files put where the file names them. */
async function fillIn(value: unknown, environment: Environment, folder: string): Promise<FilledIn> {
  const issues: ConfigIssue[] = [];
  const remarks: ConfigIssue[] = [];
  const shown: ConfigPath[] = [];
  const filled = await mapTexts(value, async (text, path) => {
    if (showsSecret(text, path)) shown.push(path);
    const result = await fillInText(text, path, environment, folder);
    if (result.kind === "text") {
      if (result.warning !== undefined) remarks.push(issue(path, result.warning));
      return result.text;
    }
    issues.push(issue(path, result.why));
    return text;
  });
  return { value: filled, issues, remarks, shown };
}

async function fillInText(text: string, path: ConfigPath, environment: Environment, folder: string): Promise<FileText> {
  const encode = isSmartHostUrl(path) ? percentEncoded : (value: string) => value;
  const result = substitute(text, environment, encode);
  // Only the file itself can say that a file is meant: a variable may hold a password that starts with `file:`.
  if (result.kind === "failed" || !isPassword(path) || !text.startsWith(SECRET_FILE)) return result;
  return await readSecretFile(resolve(folder, result.text.slice(SECRET_FILE.length)));
}

/** Where one thing was told, what follows from it is no news. */
function withoutThoseUnder(issues: readonly ConfigIssue[], told: readonly ConfigIssue[]): readonly ConfigIssue[] {
  const isUnder = (path: ConfigPath, other: ConfigPath): boolean =>
    other.length > 0 && other.every((part, at) => part === path[at]);
  return issues.filter(({ path }) => !told.some((one) => isUnder(path, one.path)));
}

function place(name: string, { line, column }: Position): string {
  return `${name}:${line}:${column}`;
}

/** All that is wrong with it, from the top of the file to its end. */
function linesInOrder(name: string, file: YamlFile, errors: readonly ConfigIssue[]): string[] {
  const line = lineIn(name, file);
  const told = [
    ...file.repeated.map(({ position, message }) => ({ position, text: `${place(name, position)}: ${message}` })),
    ...errors.map((found) => ({ position: file.locate(found.path, found.at), text: line(found) })),
  ];
  return told.sort((a, b) => byPosition(a.position, b.position)).map(({ text }) => text);
}

function byPosition(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}

function inOrder(issues: readonly ConfigIssue[], file: YamlFile): readonly ConfigIssue[] {
  const placed = issues.map((found) => ({ found, position: file.locate(found.path, found.at) }));
  placed.sort((a, b) => byPosition(a.position, b.position));
  return placed.map(({ found }) => found);
}

function lineIn(name: string, file: YamlFile): (found: ConfigIssue) => string {
  return ({ path, at, message }) => {
    const where = place(name, file.locate(path, at));
    // An unknown key is in the message; the section it stands in is what helps to find it.
    const shown = configPathText(at === "key" ? path.slice(0, -1) : path);
    return shown === "" ? `${where}: ${message}` : `${where}: ${shown}: ${message}`;
  };
}

function withAbsolutePaths(config: Config, folder: string): Config {
  const absolute = (path: string): string => resolve(folder, path);
  const { listeners, smartHosts } = config;
  return {
    ...config,
    data: absolute(config.data),
    sendmail: { spool: absolute(config.sendmail.spool) },
    listeners: listeners.map((listener) => ({
      ...listener,
      certificates: listener.certificates.map(({ certificate, key, at }) => ({
        certificate: absolute(certificate),
        key: absolute(key),
        at,
      })),
    })),
    smartHosts: smartHosts.map((smartHost) => ({
      ...smartHost,
      authorityFile: smartHost.authorityFile === undefined ? undefined : absolute(smartHost.authorityFile),
    })),
  };
}
