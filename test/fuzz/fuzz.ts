// `npm run fuzz -- TARGET|all|list|planted|differential`: see HACKING.md.
import { parseArgs } from "node:util";
import { Coverage } from "./coverage.ts";
import { keepInCorpus, inputText } from "./corpus.ts";
import { type Outcome, fuzz, replay } from "./run.ts";
import { allTargets } from "./targets.ts";
import type { Target } from "./target.ts";

const USAGE = `usage: npm run fuzz -- TARGET [--inputs N] [--seconds S] [--seed N] [--coverage] [--keep NAME]
       npm run fuzz -- all [--inputs N] [--seconds S] [--seed N] [--coverage] [--record]
       npm run fuzz -- list`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string" },
    coverage: { type: "boolean" },
    keep: { type: "string" },
    "stop-at-first": { type: "boolean" },
  },
});

const coverage = values.coverage === true ? await Coverage.start() : undefined;
const targets = await allTargets();
const name = positionals[0] ?? "";
if (name === "list") for (const target of targets) console.log(`${target.name}  ${target.files.join(" ")}`);
else {
  const chosen = name === "all" ? targets : targets.filter((target) => target.name === name);
  if (chosen.length === 0) {
    console.error(USAGE);
    process.exitCode = 2;
  }
  for (const target of chosen) await one(target);
}

async function one(target: Target): Promise<void> {
  coverage?.watch(target.files);
  const wrong = await replay(target);
  for (const text of wrong) console.log(`REPLAY ${text}`);
  const outcome = await fuzz(target, {
    inputs: Number(values.inputs ?? 1_000_000),
    ms: 1000 * Number(values.seconds ?? 3600),
    seed: Number(values.seed ?? 1),
    isFirstEnough: values["stop-at-first"] === true,
    coverage,
  });
  print(outcome);
  if (wrong.length + outcome.findings.length > 0) process.exitCode = 1;
  for (const { file, lines, missed } of coverage?.files() ?? []) {
    console.log(`  ${((100 * (lines - missed.length)) / lines).toFixed(1)} % of ${lines} lines  ${file}`);
    for (const { number, text } of missed) console.log(`      ${number}: ${text}`);
  }
}

function print({ target, inputs, findings, longestMs, tookMs, summary }: Outcome): void {
  const rate = Math.round((1000 * inputs) / tookMs);
  const more = Object.entries(summary).map(([key, value]) => `${key} ${value}`);
  console.log(
    `${target}: ${inputs} inputs, ${rate}/s, longest ${longestMs} ms, ${findings.length} findings ${more.join(", ")}`,
  );
  for (const { kind, why, input, afterInputs } of findings) {
    console.log(`  ${kind} at input ${afterInputs}: ${why.slice(0, 2000)}\n    ${inputText(input).slice(0, 1000)}`);
    if (values.keep !== undefined) console.log(`    kept as ${keepInCorpus(target, values.keep, input)}`);
  }
}
