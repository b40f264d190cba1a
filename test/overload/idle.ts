// `npm run idle-sessions`: thousands of sessions that say nothing.
import { tellFigures } from "../../tools/proof/told.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { idleSessions } from "./idle-run.ts";

const { values } = optionsOf({
  usage: ["npm run idle-sessions -- [OPTIONS]"],
  options: {
    plain: { kind: "count", default: 10_000, min: 0, help: "sessions without TLS" },
    tls: { kind: "count", default: 2000, min: 0, help: "sessions with TLS" },
    record: { kind: "flag", help: "writes docs/proof/idle-sessions.json" },
  },
});
const suite = "idle-sessions";
const command = `npm run idle-sessions -- ${typed(values)}`;
const recording = values.record ? new Recording({ suite, command }) : undefined;
const report = await idleSessions(values.plain, values.tls);
console.log(`sessions        ${report.plain} plain, ${report.tls} with TLS`);
console.log(`memory          ${report.emptyMiB.toFixed(0)} MiB without, ${report.idleMiB.toFixed(0)} MiB with them`);
console.log(`a new session   greeted within ${report.greetedP99Ms.toFixed(1)} ms (p99)`);
console.log(`when they go    ${report.goneMiB.toFixed(0)} MiB at most`);
console.log(
  `silence for TLS ${report.silentMiB.toFixed(0)} MiB at most, with ${report.silent} clients that come and go three times`,
);
console.log(`dead            ${report.dead} of a sample`);
if (report.dead > 0) process.exitCode = 1;
refuseNothing({ sessions: report.plain + report.tls });
tellFigures(suite, { ...report });
recording?.finish({ ...report });
