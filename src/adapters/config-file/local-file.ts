import { dirname, resolve } from "node:path";
import { type LocalTerms, localTerms } from "../../core/config/local-terms.ts";
import type { Environment } from "./find.ts";
import { readBounded, reasonOf } from "./find.ts";
import { CONFIG_FILES } from "../../core/base/limits.ts";
import { utf8Text } from "../../core/base/bytes.ts";
import { mapTexts, substitute } from "./substitute.ts";

/**
 * The one place that is looked into without being told. Not the folder that a program happens to run in: whoever may write
 * there could have the mail of others.
 */
const USUAL_PLACE = "/etc/waypost/waypost.yaml";

export type LocalFile =
  { readonly kind: "terms"; readonly terms: LocalTerms } | { readonly kind: "failed"; readonly why: string };

/** `named` has to be readable; the file in the usual place may be missing, or not for this user. */
export async function readLocalFile(named: string | undefined, environment: Environment): Promise<LocalFile> {
  const path = resolve(named ?? USUAL_PLACE);
  let octets: Buffer | undefined;
  try {
    octets = await readBounded(path, CONFIG_FILES.octetsMax);
  } catch (error) {
    const why = reasonOf(error);
    return named === undefined ? { kind: "terms", terms: localTerms(undefined) } : failed(named, why);
  }
  const value = await valueOf(octets);
  if (value === undefined && named !== undefined) return failed(named, "it is no configuration of Waypost");
  const filled = await mapTexts(value, (text) => {
    const result = substitute(text, environment, (each) => each);
    return Promise.resolve(result.kind === "text" ? result.text : undefined);
  });
  const terms = localTerms(filled);
  const { spool } = terms;
  return { kind: "terms", terms: { ...terms, spool: spool && resolve(dirname(path), spool) } };
}

function failed(named: string, why: string): LocalFile {
  return { kind: "failed", why: `${named} cannot be read: ${why}` };
}

/** Undefined where it is no YAML. The reader of YAML is loaded only where there is some: this is for short lives. */
async function valueOf(octets: Buffer | undefined): Promise<unknown> {
  const text = octets === undefined ? undefined : utf8Text(octets);
  if (text === undefined) return undefined;
  const { readYaml } = await import("./document.ts");
  const yaml = readYaml(text);
  return yaml.kind === "yaml" ? yaml.file.value : undefined;
}
