// `npm run power-cuts -- [--cuts N] [--migrations N] [--seed S] [--patch NAME] [--record]`: the power goes under load, over and
// over, on one data folder. With --record stores follow that do not sync as they should: they have to lose mail.
import { parseArgs } from "node:util";
import { Recording } from "../support/result-file.ts";
import { CONTROLS, lostWith } from "./cut-controls.ts";
import { cutCounts, cutLines, powerCuts } from "./cut-run.ts";
import { shownWrongs, tellVerdict, wrongsIn } from "./findings.ts";
import { migrationCuts } from "./migration-cuts.ts";
import { plantedTree } from "./patched-copy.ts";
import { refuseParts } from "../support/whole-run.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cuts: { type: "string", default: "20" },
      migrations: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      patch: { type: "string" },
      record: { type: "boolean", default: false },
    },
  });
  refuseParts(values.record, { patch: values.patch });
  const [cuts, migrations, seed] = [Number(values.cuts), Number(values.migrations), Number(values.seed)];
  const command = `npm run power-cuts -- --cuts ${cuts} --migrations ${migrations} --seed ${seed} --record`;
  const recording = values.record ? new Recording({ suite: "power-cuts", command, seed }) : undefined;
  const planted = values.patch === undefined ? undefined : plantedTree(values.patch);
  try {
    const bug = planted === undefined ? {} : { tree: planted.tree, drainMs: 30_000 };
    const report = await powerCuts({ cuts, seed, say: (line) => console.error(line), ...bug });
    console.log(cutLines(report).join("\n"));
    const migrated = await migrationCuts(migrations, seed, planted?.tree);
    console.log(
      `cuts in a migration           ${migrated.cuts}: ${migrated.before} before, ${migrated.between} amid, ${migrated.after} after; of ${migrated.messages} messages ${migrated.lost} lost, ${migrated.unexplained} repeated, ${migrated.altered} altered, ${migrated.uninvited} from nowhere`,
    );
    const { lost, unexplained, altered, uninvited } = migrated;
    tellVerdict([...wrongsIn(report.findings), ...shownWrongs({ lost, unexplained, altered, uninvited })]);
    if (recording === undefined) return;
    const controls: Record<string, number> = {};
    for (const name of CONTROLS) {
      controls[`${name}Lost`] = await lostWith(name, seed);
      console.log(`control ${name}: ${controls[`${name}Lost`]} recipients lost or altered`);
      if (controls[`${name}Lost`] === 0) process.exitCode = 1;
    }
    recording.finish({
      ...cutCounts(report),
      cutsInMigration: migrated.cuts,
      cutsAmidMigration: migrated.between,
      migrationMessages: migrated.messages,
      migrationLost: lost,
      migrationUnexplained: unexplained,
      migrationAltered: altered + uninvited,
      ...controls,
    });
  } finally {
    planted?.remove();
  }
}

await main();
