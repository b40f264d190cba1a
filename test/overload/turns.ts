// `npm run turns -- [--seconds S] [--record]`: the turns of the event loops under load.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { type Turns, turns } from "./turns-run.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "30" }, record: { type: "boolean", default: false } },
});
const seconds = Number(values.seconds);
const command = `npm run turns -- --seconds ${seconds} --record`;
const recording = values.record ? new Recording({ suite: "turns", command }) : undefined;
const { messages, mail, queue, idle } = await turns(seconds);
const shown = ({ lateP999Ms, latestMs, cpuMs, cause }: Turns): string =>
  `late by ${lateP999Ms} ms (p99.9), ${latestMs.toFixed(0)} ms at most; longest turn ${cpuMs.toFixed(1)} ms of processor time\n              in it: ${cause.join(", ")}`;
console.log(`${messages} messages`);
console.log(`mail thread   ${shown(mail)}`);
console.log(`queue thread  ${shown(queue)}`);
console.log(`idle thread   ${shown(idle)}`);
recording?.finish({
  messages,
  mailLateP999Ms: mail.lateP999Ms,
  mailLatestMs: mail.latestMs,
  mailCpuMs: mail.cpuMs,
  queueLateP999Ms: queue.lateP999Ms,
  queueLatestMs: queue.latestMs,
  queueCpuMs: queue.cpuMs,
  idleLateP999Ms: idle.lateP999Ms,
  idleLatestMs: idle.latestMs,
});
