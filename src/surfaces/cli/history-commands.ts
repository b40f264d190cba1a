import { type Command, InvalidArgumentError } from "commander";
import { HISTORY } from "../../core/base/limits.ts";
import { type Duration, day } from "../../core/base/time.ts";
import { parseDuration } from "../../core/config/values.ts";
import { addExample } from "./help.ts";
import { configOption, dataOption, jsonOption, type JsonOptions } from "./options.ts";

export interface PruneOptions extends JsonOptions {
  readonly olderThan?: Duration;
}

export interface HistoryCommands {
  readonly prune: (options: PruneOptions) => Promise<void>;
}

function age(text: string): Duration {
  const parsed = parseDuration(text, 1 * day, HISTORY.keptForMax);
  if (typeof parsed === "number") return parsed;
  throw new InvalidArgumentError(parsed.why);
}

export function addHistoryCommands(program: Command, commands: HistoryCommands): void {
  const history = program.command("history").description("what became of messages");
  addExample(history.command("prune"), "history prune --older-than 7d")
    .description("remove old days of history now, whether the relay runs or not")
    .option(
      "--older-than <age>",
      "days that began longer ago: 7d; without it, what `history` in the configuration says",
      age,
    )
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.prune);
}
