import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { CONFIG_FILES } from "../../core/base/limits.ts";
import { utf8Text } from "../../core/base/bytes.ts";
import { relayhostIn } from "./variables.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Surroundings {
  /** What `--config` names. */
  readonly explicit?: string | undefined;
  /** No file is looked for: the variables are the configuration. */
  readonly isVariables?: boolean;
  readonly environment: Environment;
  /** Relative paths start here. */
  readonly folder: string;
}

export interface ConfigText {
  readonly kind: "file";
  /** As people know it: relative where it was given so. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

export type Found =
  | ConfigText
  /** No file, and a variable in place of it: WAYPOST_RELAYHOST, by whichever of its names. */
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "failed"; readonly error: string }
  | { readonly kind: "nowhere"; readonly places: readonly string[] };

interface Place {
  readonly name: string;
  /** Why it has to be there; undefined for the usual places, which may be empty. */
  readonly askedBy: string | undefined;
}

const USUAL_PLACES = ["waypost.yaml", "/etc/waypost/waypost.yaml"];

function placesOf({ explicit, isVariables, environment }: Surroundings): readonly Place[] {
  if (isVariables === true) return [];
  if (explicit !== undefined) return [{ name: explicit, askedBy: "--config" }];
  const fromEnvironment = environment["WAYPOST_CONFIG"];
  if (fromEnvironment !== undefined && fromEnvironment !== "")
    return [{ name: fromEnvironment, askedBy: "WAYPOST_CONFIG" }];
  return USUAL_PLACES.map((name) => ({ name, askedBy: undefined }));
}

/** What the system says, in words; the code where there are none. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EACCES", "this user may not read it"],
  ["EISDIR", "it is a folder"],
  ["ENOTDIR", "a part of the path is no folder"],
]);

/** A pipe, a device, a socket. */
class NoRegularFileError extends Error {
  override readonly name = "NoRegularFileError";
}

export function reasonOf(error: unknown): string {
  if (error instanceof NoRegularFileError) return "it is no regular file";
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  if (code === undefined) throw error; // not the system's word: a bug
  return REASONS.get(code) ?? code;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

/** The octets of a file, or undefined where it has more than `octetsMax`. */
export async function readBounded(path: string, octetsMax: number): Promise<Buffer | undefined> {
  // A pipe would be waited for without end: such a file is opened without waiting, and then refused.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile() && !found.isDirectory()) throw new NoRegularFileError();
    const octets = Buffer.alloc(octetsMax + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(octets, length, octets.length - length);
      length += bytesRead;
      if (length > octetsMax) return undefined;
      if (bytesRead === 0) return octets.subarray(0, length);
    }
  } finally {
    await file.close();
  }
}

async function readConfigText(name: string, path: string): Promise<Found> {
  const octets = await readBounded(path, CONFIG_FILES.octetsMax);
  if (octets === undefined) return { kind: "failed", error: `${name}: is larger than 1 MiB; is it the right file?` };
  const text = utf8Text(octets);
  if (text === undefined) return { kind: "failed", error: `${name}: is not UTF-8 text` };
  return { kind: "file", name, path, text };
}

/**
 * The configuration: `--config`, else WAYPOST_CONFIG, else ./waypost.yaml, else /etc/waypost/waypost.yaml, else
 * WAYPOST_RELAYHOST. A file that is named, or is there, and cannot be read is an error and never passed over: another
 * configuration than the one meant could let mail go astray.
 */
export async function findConfig(surroundings: Surroundings): Promise<Found> {
  const places = placesOf(surroundings);
  for (const { name, askedBy } of places) {
    const path = resolve(surroundings.folder, name);
    try {
      return await readConfigText(name, path);
    } catch (error) {
      if (isMissing(error) && askedBy === undefined) continue;
      const who = askedBy === undefined ? "" : ` (named by ${askedBy})`;
      return { kind: "failed", error: `${name}: cannot be read${who}: ${reasonOf(error)}` };
    }
  }
  const variable = relayhostIn(surroundings.environment);
  if (variable !== undefined) return { kind: "environment", variable };
  return { kind: "nowhere", places: places.map(({ name }) => resolve(surroundings.folder, name)) };
}
