// `npm run turns`: the turns of the event loops under load.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { type Turns, turns } from "./turns-run.ts";

const { values } = optionsOf({
  usage: ["npm run turns -- [OPTIONS]"],
  options: {
    seconds: { kind: "count", default: 30, help: "how long the turns are watched" },
    record: { kind: "flag", help: "writes docs/proof/turns.json" },
  },
});
const command = `npm run turns -- ${typed(values)}`;
const recording = values.record ? new Recording({ suite: "turns", command }) : undefined;
const { messages, mail, queue, idle } = await turns(values.seconds);
const shown = ({ lateP999Ms, latestMs, cpuMs, cause }: Turns): string =>
  `late by ${lateP999Ms} ms (p99.9), ${latestMs.toFixed(0)} ms at most; longest turn ${cpuMs.toFixed(1)} ms of processor time\n              in it: ${cause.join(", ")}`;
console.log(`${messages} messages`);
console.log(`mail thread   ${shown(mail)}`);
console.log(`queue thread  ${shown(queue)}`);
console.log(`idle thread   ${shown(idle)}`);
const counts = {
  messages,
  mailLateP999Ms: mail.lateP999Ms,
  mailLatestMs: mail.latestMs,
  mailCpuMs: mail.cpuMs,
  queueLateP999Ms: queue.lateP999Ms,
  queueLatestMs: queue.latestMs,
  queueCpuMs: queue.cpuMs,
  idleLateP999Ms: idle.lateP999Ms,
  idleLatestMs: idle.latestMs,
};
refuseNothing({ messages });
tellFigures("turns", counts);
recording?.finish(counts);
