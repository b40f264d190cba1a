// `npm run uploads -- [--count N] [--endless MIB] [--record]`: many large messages at once, and lines and headers without an end.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { uploads } from "./uploads-run.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100" },
    endless: { type: "string", default: "1024" },
    record: { type: "boolean", default: false },
  },
});
const [count, endlessMiB] = [Number(values.count), Number(values.endless)];
const command = `npm run uploads -- --count ${count} --endless ${endlessMiB} --record`;
const recording = values.record ? new Recording({ suite: "uploads", command }) : undefined;
const { commandLine, contentLine, header, ...report } = await uploads(count, endlessMiB);
console.log(`uploads       ${report.acknowledged} of ${count} of ${report.mebibytesEach} MiB acknowledged`);
console.log(`memory        ${report.emptyMiB.toFixed(0)} MiB before, ${report.mostMiB.toFixed(0)} MiB at most`);
for (const [name, { takenMiB, growthMiB }] of Object.entries({ commandLine, contentLine, header }))
  console.log(
    `${name.padEnd(13)} without an end: ${takenMiB.toFixed(1)} of ${endlessMiB} MiB taken, ${growthMiB.toFixed(1)} MiB more memory`,
  );
recording?.finish({
  ...report,
  commandLineTakenMiB: commandLine.takenMiB,
  commandLineGrowthMiB: commandLine.growthMiB,
  contentLineTakenMiB: contentLine.takenMiB,
  contentLineGrowthMiB: contentLine.growthMiB,
  headerTakenMiB: header.takenMiB,
  headerGrowthMiB: header.growthMiB,
});
