// Writes 5000 log lines to its stdout at once, waits, and exits. What it knows goes to stderr as JSON.
import { LineWriter } from "../../src/adapters/log/line-writer.ts";
import { openOutput } from "../../src/adapters/log/output.ts";

const output = openOutput(1);
const writer = new LineWriter({
  descriptor: output.descriptor,
  pendingOctetsMax: 100_000,
  droppedLine: (dropped) => `${JSON.stringify({ dropped })}\n`,
});

for (let i = 0; i < 5000; i++) writer.write(`${JSON.stringify({ i, filler: "x".repeat(90) })}\n`);
const started = performance.now();
await writer.flush(Number(process.argv[2]));
process.stderr.write(JSON.stringify({ dropped: writer.dropped, waitedMs: Math.round(performance.now() - started) }));
output.close();
process.exit(0);
