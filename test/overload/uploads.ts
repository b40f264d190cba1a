// `npm run uploads -- [--count N] [--line MIB] [--record]`: many large messages at once, and a line without an end.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { uploads } from "./uploads-run.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100" },
    line: { type: "string", default: "1024" },
    record: { type: "boolean", default: false },
  },
});
const [count, line] = [Number(values.count), Number(values.line)];
const command = `npm run uploads -- --count ${count} --line ${line} --record`;
const recording = values.record ? new Recording({ suite: "uploads", command }) : undefined;
const report = await uploads(count, line);
const { acknowledged, mebibytesEach, emptyMiB, mostMiB, lineMiB, lineGrowthMiB } = report;
console.log(`uploads    ${acknowledged} of ${count} of ${mebibytesEach} MiB acknowledged`);
console.log(`memory     ${emptyMiB.toFixed(0)} MiB before, ${mostMiB.toFixed(0)} MiB at most`);
console.log(`a line of ${lineMiB} MiB: ${lineGrowthMiB.toFixed(1)} MiB more`);
recording?.finish({ ...report });
