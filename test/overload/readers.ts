// `npm run slow-readers`: clients that ask without an end and read no answer.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { slowReaders } from "./readers-run.ts";

const { values } = optionsOf({
  usage: ["npm run slow-readers -- [OPTIONS]"],
  options: {
    readers: { kind: "count", default: 1000, help: "clients that read no answer" },
    seconds: { kind: "count", default: 20, help: "how long others send beside them" },
    record: { kind: "flag", help: "writes docs/proof/slow-readers.json" },
  },
});
const suite = "slow-readers";
const command = `npm run slow-readers -- ${typed(values)}`;
const recording = values.record ? new Recording({ suite, command }) : undefined;
const report = await slowReaders(values.readers, values.seconds);
console.log(
  `readers   ${report.readers} that read nothing: ${report.held} held up, ${report.dropped} let go, at most ${report.takenKiB} KiB of commands taken of one`,
);
console.log(
  `memory    ${report.emptyMiB.toFixed(0)} MiB without, ${report.mostMiB.toFixed(0)} MiB with them at most: ${report.eachKiB} KiB each`,
);
console.log(
  `others    ${report.acknowledged} of ${report.tried} messages acknowledged, p99 ${report.p99Ms.toFixed(0)} ms`,
);
if (report.acknowledged < report.tried) process.exitCode = 1;
refuseNothing({ "messages tried": report.tried, "clients held up or let go": report.held + report.dropped });
tellFigures(suite, { ...report });
recording?.finish({ ...report });
