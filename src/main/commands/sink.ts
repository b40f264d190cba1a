// `waypost sink ...`
import fs from "node:fs";
import path from "node:path";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { sinkLines } from "../../surfaces/cli/pages.ts";
import type { SinkCommands } from "../../surfaces/cli/sink-commands.ts";
import { SinkFolder } from "../sink.ts";
import { print } from "./print.ts";

function sinkFolder(data: string): SinkFolder {
  const folder = path.join(path.resolve(data), "sink");
  if (!fs.existsSync(folder))
    throw new CommandFailure(
      `there is no sink in ${path.resolve(data)}; \`waypost try\` keeps one in its data folder, which --data names`,
      EXIT.unavailable,
    );
  return new SinkFolder(folder);
}

/** The relay's id of what the sink in this data folder knows by another one; undefined where it knows none like that. */
export function relayIdOf(data: string, sinkId: string): string | undefined {
  const folder = path.join(data, "sink");
  if (!fs.existsSync(folder)) return undefined;
  return new SinkFolder(folder).list().find(({ id }) => id === sinkId)?.relayId;
}

export const sinkCommands: SinkCommands = {
  list(options) {
    const messages = sinkFolder(options.data).list();
    if (options.json === true) console.log(JSON.stringify(messages));
    else print(sinkLines(messages));
  },
  show(id, options) {
    const content = sinkFolder(options.data).read(id);
    if (content === undefined) throw new CommandFailure(`the sink has no message ${id}`, EXIT.failed);
    process.stdout.write(content);
  },
};
