import { commands } from "../../src/main/commands.ts";
import { EXIT, EXIT_WORDS } from "../../src/surfaces/cli/failure.ts";
import { buildProgram } from "../../src/surfaces/cli/program.ts";
import { type CommandNode, allOf, treeOf } from "../../src/surfaces/cli/tree.ts";

const INTRODUCTION = `# Commands

\`waypost COMMAND\`; from a checkout \`node bin/waypost.mjs COMMAND\`. \`waypost COMMAND --help\` says what is on this page.

- A command finds its relay by the data folder: the one that \`--data\` names, or else the one in the configuration that
  \`--config\` names or that is [in the usual places](configuration.md), or else that of try mode (\`waypost-data/try\`).
- \`status\`, \`queue list\` and \`queue show\` ask the relay that runs there; the latter two read its folder where none does.
- \`--json\` is for programs: one JSON value on standard output. Times are in milliseconds since 1970, UTC.
- Colours are for terminals only; \`NO_COLOR=1\` has none there either. What is wrong, questions and progress go to standard error.
- Completion of commands, options and their values: \`source <(waypost completion bash)\`, \`source <(waypost completion zsh)\`,
  \`waypost completion fish | source\`.
`;

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function argumentRow({ name, description, choices }: CommandNode["arguments"][number]): string {
  const among = choices.length === 0 ? "" : ` (${choices.join(", ")})`;
  return `| \`<${name}>\` | ${cell(description)}${among} | |\n`;
}

function optionRow({ flags, description, choices, whenAbsent }: CommandNode["options"][number]): string {
  const among = choices.length === 0 ? "" : ` (${choices.join(", ")})`;
  return `| \`${cell(flags)}\` | ${cell(description)}${among} | ${whenAbsent === "" ? "" : `\`${cell(whenAbsent)}\``} |\n`;
}

function section(node: CommandNode): string {
  const rows = [...node.arguments.map(argumentRow), ...node.options.map(optionRow)];
  const table = rows.length === 0 ? "" : `\n| takes | meaning | without it |\n|---|---|---|\n${rows.join("")}`;
  const example = node.example === undefined ? "" : `\n\`\`\`sh\nwaypost ${node.example}\n\`\`\`\n`;
  return `## waypost ${node.path}\n\n${node.description[0]?.toUpperCase()}${node.description.slice(1)}.\n${example}${table}`;
}

function exitCodes(): string {
  const rows = Object.entries(EXIT)
    .toSorted(([, one], [, other]) => one - other)
    .map(([name, code]) => `| ${code} | ${EXIT_WORDS[name as keyof typeof EXIT]} |\n`);
  return `## Exit codes\n\nThose of sysexits.h, where they fit.\n\n| code | because |\n|---|---|\n| 0 | It is done; also where there was nothing to do. |\n${rows.join("")}`;
}

/** `docs/reference/commands.md` */
export function commandsPage(): string {
  const leaves = allOf(treeOf(buildProgram(commands))).filter((node) => node.commands.length === 0);
  return [INTRODUCTION, ...leaves.map(section), exitCodes()].join("\n");
}
