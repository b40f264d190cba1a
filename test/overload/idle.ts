// `npm run idle-sessions -- [--plain N] [--tls N] [--record]`: thousands of sessions that say nothing.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { idleSessions } from "./idle-run.ts";

const { values } = parseArgs({
  options: {
    plain: { type: "string", default: "10000" },
    tls: { type: "string", default: "2000" },
    record: { type: "boolean", default: false },
  },
});
const [plain, tls] = [Number(values.plain), Number(values.tls)];
const command = `npm run idle-sessions -- --plain ${plain} --tls ${tls} --record`;
const recording = values.record ? new Recording({ suite: "idle-sessions", command }) : undefined;
const report = await idleSessions(plain, tls);
console.log(`sessions        ${report.plain} plain, ${report.tls} with TLS`);
console.log(`memory          ${report.emptyMiB.toFixed(0)} MiB without, ${report.idleMiB.toFixed(0)} MiB with them`);
console.log(`a new session   greeted within ${report.greetedP99Ms.toFixed(1)} ms (p99)`);
console.log(`when they go    ${report.goneMiB.toFixed(0)} MiB at most`);
console.log(
  `silence for TLS ${report.silentMiB.toFixed(0)} MiB at most, with ${report.silent} clients that come and go three times`,
);
console.log(`dead            ${report.dead} of a sample`);
if (report.dead > 0) process.exitCode = 1;
recording?.finish({ ...report });
