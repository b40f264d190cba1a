// `npm run slow-readers -- [--readers N] [--seconds S] [--record]`: clients that ask without an end and read no answer.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { slowReaders } from "./readers-run.ts";

const { values } = parseArgs({
  options: {
    readers: { type: "string", default: "1000" },
    seconds: { type: "string", default: "20" },
    record: { type: "boolean", default: false },
  },
});
const [readers, seconds] = [Number(values.readers), Number(values.seconds)];
const command = `npm run slow-readers -- --readers ${readers} --seconds ${seconds} --record`;
const recording = values.record ? new Recording({ suite: "slow-readers", command }) : undefined;
const report = await slowReaders(readers, seconds);
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
recording?.finish({ ...report });
