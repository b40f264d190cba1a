import { formatForTerminal } from "../../adapters/log/terminal-line.ts";
import { formatEvent } from "../../core/event-line.ts";

/** One line of JSON; on a terminal, one for people. */
export function eventFormat(isTerminal: boolean): typeof formatEvent {
  const isColoured = isTerminal && process.env["NO_COLOR"] === undefined;
  return isTerminal ? (event, now) => formatForTerminal(event, now, isColoured) : formatEvent;
}
