// `npm run uploads`: many large messages at once, and lines and headers without an end.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { uploads } from "./uploads-run.ts";

const { values } = optionsOf({
  usage: ["npm run uploads -- [OPTIONS]"],
  options: {
    count: { kind: "count", default: 100, help: "uploads at once" },
    endless: { kind: "count", default: 1024, help: "MiB that are offered of what has no end" },
    record: { kind: "flag", help: "writes docs/proof/uploads.json" },
  },
});
const { count, endless: endlessMiB } = values;
const command = `npm run uploads -- ${typed(values)}`;
const recording = values.record ? new Recording({ suite: "uploads", command }) : undefined;
const { commandLine, contentLine, header, reply, ...report } = await uploads(count, endlessMiB);
console.log(`uploads       ${report.acknowledged} of ${count} of ${report.mebibytesEach} MiB acknowledged`);
console.log(`memory        ${report.emptyMiB.toFixed(0)} MiB before, ${report.mostMiB.toFixed(0)} MiB at most`);
for (const [name, { takenMiB, growthMiB }] of Object.entries({ commandLine, contentLine, header, reply }))
  console.log(
    `${name.padEnd(13)} without an end: ${takenMiB.toFixed(1)} of ${endlessMiB} MiB taken, ${growthMiB.toFixed(1)} MiB more memory`,
  );
const counts = {
  ...report,
  commandLineTakenMiB: commandLine.takenMiB,
  commandLineGrowthMiB: commandLine.growthMiB,
  contentLineTakenMiB: contentLine.takenMiB,
  contentLineGrowthMiB: contentLine.growthMiB,
  headerTakenMiB: header.takenMiB,
  headerGrowthMiB: header.growthMiB,
  replyTakenMiB: reply.takenMiB,
  replyGrowthMiB: reply.growthMiB,
};
refuseNothing({ "uploads acknowledged": report.acknowledged });
tellFigures("uploads", counts);
recording?.finish(counts);
