// `npm run flood -- [--per-second N] [--seconds S] [--slow N] [--record]`: strangers connect and go, others sit and say nothing, and
// clients with a password send over the same listener.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { flood } from "./flood-run.ts";

const { values } = parseArgs({
  options: {
    "per-second": { type: "string", default: "2000" },
    seconds: { type: "string", default: "60" },
    slow: { type: "string", default: "5000" },
    record: { type: "boolean", default: false },
  },
});
const [perSecond, seconds, slow] = [Number(values["per-second"]), Number(values.seconds), Number(values.slow)];
const command = `npm run flood -- --per-second ${perSecond} --seconds ${seconds} --slow ${slow} --record`;
const recording = values.record ? new Recording({ suite: "flood", command }) : undefined;
const report = await flood(perSecond, seconds, slow);
console.log(
  `strangers       ${report.connects} connects in ${seconds} s, ${report.established} made; ${report.slow} slow clients`,
);
console.log(
  `with a password ${report.acknowledged} of ${report.tried} messages acknowledged (${report.successPercent.toFixed(2)} %), p99 ${report.p99Ms.toFixed(0)} ms`,
);
console.log(`memory          ${report.mostMiB.toFixed(0)} MiB at most`);
if (report.successPercent < 99) process.exitCode = 1;
recording?.finish({ ...report });
