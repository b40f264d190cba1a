import { basename } from "node:path";
import { readFileSync } from "node:fs";
import { VARIABLES, type Variable } from "../../src/adapters/config-file/variables.ts";
import { describeConfig, type KeyRow, type KeySection } from "../../src/core/config/describe.ts";

import { KEY_TESTS } from "../key-tests.ts";

const EXAMPLE = new URL("../../examples/office.yaml", import.meta.url);

const INTRODUCTION = `# Configuration

One YAML file. It is looked for in this order, and the first that is named or there is taken:

1. the file that \`--config\` names
2. the file that \`WAYPOST_CONFIG\` names
3. \`waypost.yaml\` in the current folder
4. \`/etc/waypost/waypost.yaml\`
5. no file: \`WAYPOST_RELAYHOST\` ([below](#without-a-file))

A file that is named or there and cannot be read is an error: Waypost never goes on to the next place then.

A key that is not on this page is an error, and so is everything else that cannot be meant. All errors are told at once, with line and
column:

\`\`\`
waypost.yaml:3:1: unknown key 'listner'; did you mean 'listeners'?
waypost.yaml:9:16: routes[0].deliver: there is no smart host of that name in smarthosts; did you mean 'primary'?
\`\`\`

- **\`\${NAME}\`** in any text is replaced by that environment variable; one that is not set is an error. In the \`url\` of a smart host it
  is inserted percent-encoded, so that a password may hold any character. \`$\${NAME}\` stands for the text \`\${NAME}\` itself.
- **\`file:PATH\`** as a \`password\` reads the password from a file that only its owner may read (\`chmod 600\`). One line end at the end
  is left out. What others may read is taken with a warning where a container runtime put it there: on a read-only mount of its own, or under
  \`/run/secrets\`.
- **An editor** that knows YAML checks and completes the file by [its schema](waypost.schema.json) (\`waypost config schema\`): with
  \`# yaml-language-server: $schema=PATH\` as its first line. \`waypost config describe KEY\` is this page in a terminal,
  \`waypost config example\` a file with every key to begin with.
- **Paths** start at the folder of the configuration file.
- **Address patterns**: \`user@example.com\` is one address, \`@example.com\` every address of the domain, \`@*.example.com\` every
  address of all domains below it. Upper and lower case are the same.
`;

const WITHOUT_A_FILE = `## Without a file

With \`WAYPOST_RELAYHOST\` set and no file in the usual places, these variables are the whole configuration. All mail goes to that one
smart host. Lists have blanks or commas between. Beside a file they have no effect, unless it names them (\`\${NAME}\`).

Each may be given as \`NAME_FILE\` instead: the path of a file with the value, of which one line end is left out. Both are an error. For
\`WAYPOST_TLS_CERTIFICATE\`, \`WAYPOST_TLS_KEY\` and \`WAYPOST_RELAYHOST_CA\`, which are paths of files already, the two are the same. A file with a password
(or with the URL of the smart host) may be read by its owner only; one that a runtime mounted read-only, or under \`/run/secrets\`, is taken
with a warning. The second names are those of the common Postfix containers; a warning says which were taken.
\`ALLOWED_SENDER_DOMAINS\` and \`MYNETWORKS\` are read as Postfix reads them.

An empty variable is as good as none (an empty \`WAYPOST_SENDERS\` is an error). A name that begins with \`WAYPOST_\` and is not known
is a warning. A configuration that takes more than this takes a file.

| variable | second name | meaning | without it |
|---|---|---|---|
`;

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** A section has no effect but that of its keys. */
function shownBy(key: string): string {
  const [file] = KEY_TESTS[key] ?? [];
  if (file === undefined) return "";
  return ` [${basename(file, ".test.ts")}](../../${file})`;
}

function tableRow({ key, takes, whenAbsent, description }: KeyRow): string {
  return `| \`${key}\` | ${cell(takes)} | ${whenAbsent === undefined ? "**required**" : cell(whenAbsent)} | ${cell(description)}${shownBy(key)} |\n`;
}

function variableRow({ name, secondName, description, fallback, whenAbsent }: Variable): string {
  const absent = [...(fallback === undefined ? [] : [`\`${fallback}\``]), whenAbsent ?? []].flat().join(": ");
  const second = secondName === undefined ? "" : `\`${secondName}\``;
  return `| \`${name}\` | ${second} | ${cell(description)} | ${cell(absent)} |\n`;
}

function table(rows: readonly KeyRow[]): string {
  return `| key | takes | without it | meaning, and where a test shows it |\n|---|---|---|---|\n${rows.map(tableRow).join("")}`;
}

function section({ row, rows }: KeySection): string {
  const absence = row.whenAbsent === undefined ? " Required." : "";
  return `## ${row.key}\n\n${row.description}${absence}\n\n${table(rows)}`;
}

function example(): string {
  return `## An example\n\n\`\`\`yaml\n${readFileSync(EXAMPLE, "utf8")}\`\`\`\n`;
}

/** `docs/reference/configuration.md` */
export function configurationPage(): string {
  const sections = describeConfig();
  const single = sections.filter(({ rows }) => rows.length === 0).map(({ row }) => row);
  const withKeys = sections.filter(({ rows }) => rows.length > 0);
  const general = `## The relay itself\n\n${table(single)}`;
  const withoutFile = `${WITHOUT_A_FILE}${VARIABLES.map(variableRow).join("")}`;
  return [INTRODUCTION, general, ...withKeys.map(section), withoutFile, example()].join("\n");
}
