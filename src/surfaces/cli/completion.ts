import { type CommandNode, type OptionNode, allOf } from "./tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What a shell needs to complete the program's commands, options and their values. */
export function completionScript(shell: Shell, tree: CommandNode): string {
  const lines = { bash: bashLines, zsh: zshLines, fish: fishLines }[shell](tree);
  return `${lines.join("\n")}\n`;
}

/** ` queue list`: how the scripts call a command, word by word as it is typed. */
function placeOf({ path }: CommandNode): string {
  return path === "" ? "" : ` ${path}`;
}

function placesOf(tree: CommandNode): string[] {
  return allOf(tree).flatMap((node) => (node.path === "" ? [] : [placeOf(node)]));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What may stand next, but for the values of options. */
function wordsOf({ commands, options, arguments: places }: CommandNode): string[] {
  const flags = options.flatMap(({ names }) => names);
  return [...commands.map(({ name }) => name), ...places.flatMap(({ choices }) => choices), ...flags, "--help"];
}

function valueOptions(node: CommandNode): OptionNode[] {
  return node.options.filter(({ takesValue }) => takesValue);
}

/** How bash finds a value: words, files, folders, or nothing that it knows. */
function bashValues({ value, choices }: OptionNode): string {
  if (choices.length > 0) return `COMPREPLY=($(compgen -W ${quoted(choices.join(" "))} -- "$cur"))`;
  if (value === "file") return `COMPREPLY=($(compgen -f -- "$cur"))`;
  return value === "folder" ? `COMPREPLY=($(compgen -d -- "$cur"))` : "COMPREPLY=()";
}

function bashLines(tree: CommandNode): string[] {
  const nodes = allOf(tree);
  const values = nodes.flatMap((node) =>
    valueOptions(node).map((option) => {
      const places = option.names.map((name) => quoted(`${placeOf(node)} ${name}`)).join("|");
      return `    ${places}) ${bashValues(option)}; return ;;`;
    }),
  );
  const words = nodes.map((node) => `    ${quoted(placeOf(node))}) words=${quoted(wordsOf(node).join(" "))} ;;`);
  return [
    "# Completes waypost in bash: source <(waypost completion bash)",
    "_waypost() {",
    '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" at="" words="" i',
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    '    case "$at ${COMP_WORDS[i]}" in',
    `      ${placesOf(tree).map(quoted).join("|")}) at="$at \${COMP_WORDS[i]}" ;;`,
    "    esac",
    "  done",
    '  case "$at $prev" in',
    ...values,
    "  esac",
    '  case "$at" in',
    ...words,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    "}",
    "complete -F _waypost waypost",
  ];
}

function described(name: string, description: string): string {
  return quoted(`${name.replaceAll(":", "\\:")}:${description}`);
}

function zshValues({ value, choices }: OptionNode): string {
  if (choices.length > 0) return `compadd -- ${choices.map(quoted).join(" ")}`;
  if (value === "file") return "_files";
  return value === "folder" ? "_files -/" : "_message value";
}

function zshLines(tree: CommandNode): string[] {
  const nodes = allOf(tree);
  const values = nodes.flatMap((node) =>
    valueOptions(node).map((option) => {
      const places = option.names.map((name) => quoted(`${placeOf(node)} ${name}`)).join("|");
      return `    ${places}) ${zshValues(option)}; return ;;`;
    }),
  );
  const words = nodes.map((node) => {
    const commands = node.commands.map(({ name, description }) => described(name, description));
    const choices = node.arguments.flatMap((place) =>
      place.choices.map((choice) => described(choice, place.description)),
    );
    const options = node.options.flatMap(({ names, description }) => names.map((name) => described(name, description)));
    return `    ${quoted(placeOf(node))}) known=(${[...commands, ...choices, ...options, described("--help", "help for the command")].join(" ")}) ;;`;
  });
  return [
    "#compdef waypost",
    "# Completes waypost in zsh: source <(waypost completion zsh), or as a file _waypost in a folder of $fpath",
    "_waypost() {",
    '  local at="" i',
    "  local -a known",
    "  for ((i = 2; i < CURRENT; i++)); do",
    '    case "$at $words[i]" in',
    `      ${placesOf(tree).map(quoted).join("|")}) at="$at $words[i]" ;;`,
    "    esac",
    "  done",
    '  case "$at $words[CURRENT-1]" in',
    ...values,
    "  esac",
    '  case "$at" in',
    ...words,
    "  esac",
    "  _describe waypost known",
    "}",
    'if [ "$funcstack[1]" = "_waypost" ]; then _waypost "$@"; else compdef _waypost waypost; fi',
  ];
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function fishOption(place: string, { names, description, takesValue, value, choices }: OptionNode): string {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const words = choices.length === 0 ? "" : ` -a ${fishQuoted(choices.join(" "))}`;
  const files = value === "file" || value === "folder" ? " -F" : " -f";
  const takes = takesValue ? `${files} -r${words}` : " -f";
  return `complete -c waypost -n ${place} ${flags.join(" ")}${takes} -d ${fishQuoted(description)}`;
}

function fishLines(tree: CommandNode): string[] {
  const rules = allOf(tree).flatMap((node) => {
    const place = `"__waypost_at '${placeOf(node)}'"`;
    const commands = node.commands.map(({ name, description }) => ({ name, description }));
    const choices = node.arguments.flatMap((argument) =>
      argument.choices.map((name) => ({ name, description: argument.description })),
    );
    const words = [...commands, ...choices].map(
      ({ name, description }) => `complete -c waypost -n ${place} -f -a ${name} -d ${fishQuoted(description)}`,
    );
    return [...words, ...node.options.map((option) => fishOption(place, option))];
  });
  return [
    "# Completes waypost in fish: waypost completion fish | source",
    "function __waypost_at",
    '    set -l at ""',
    "    for word in (commandline -opc)[2..-1]",
    '        switch "$at $word"',
    `            case ${placesOf(tree).map(fishQuoted).join(" ")}`,
    '                set at "$at $word"',
    "        end",
    "    end",
    '    test "$at" = "$argv[1]"',
    "end",
    "complete -c waypost -f",
    ...rules,
  ];
}
