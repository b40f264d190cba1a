// `npm run flood`: strangers connect and go, others sit and say nothing, and
// clients with a password send over the same listener.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Progress } from "../support/progress.ts";
import { Recording } from "../support/result-file.ts";
import { flood } from "./flood-run.ts";

const { values } = optionsOf({
  usage: ["npm run flood -- [OPTIONS]"],
  options: {
    "per-second": { kind: "count", default: 2000, help: "connects of strangers in a second" },
    seconds: { kind: "count", default: 60, help: "how long" },
    slow: { kind: "count", default: 5000, min: 0, help: "clients that sit and say nothing" },
    record: { kind: "flag", help: "writes docs/proof/flood.json" },
  },
});
const { seconds, slow } = values;
const command = `npm run flood -- ${typed(values)}`;
const recording = values.record ? new Recording({ suite: "flood", command }) : undefined;
const progress = new Progress();
const report = await flood(values["per-second"], seconds, slow, progress);
progress.end();
console.log(
  `strangers       ${report.connects} connects in ${seconds} s, ${report.established} made; ${report.slow} slow clients`,
);
console.log(
  `with a password ${report.acknowledged} of ${report.tried} messages acknowledged (${report.successPercent.toFixed(2)} %), p99 ${report.p99Ms.toFixed(0)} ms`,
);
console.log(`memory          ${report.mostMiB.toFixed(0)} MiB at most`);
if (report.successPercent < 99) process.exitCode = 1;
refuseNothing({ "messages tried": report.tried, "connects made": report.established });
tellFigures("flood", { ...report });
recording?.finish({ ...report });
