// `npm run power-cuts`: the power goes under load, over and
// over, on one data folder. With --record stores follow that do not sync as they should: they have to lose mail.
import { tmpdir } from "node:os";
import { tellFigures } from "../../tools/proof/told.ts";
import { fileSystemOf } from "../support/file-system.ts";
import { optionsOf, refuseNothing, typed } from "../support/options.ts";
import { Recording } from "../support/result-file.ts";
import { CONTROLS, lostWith } from "./cut-controls.ts";
import { cutCounts, cutLines, powerCuts } from "./cut-run.ts";
import { SEED, shownWrongs, tellVerdict, wrongsIn } from "./findings.ts";
import { lostInTwo, migrationCuts } from "./migration-cuts.ts";
import { PATCH, plantedTree } from "./patched-copy.ts";
import { refuseParts } from "../support/whole-run.ts";

const SUITE = "power-cuts";

async function main(): Promise<void> {
  const { values } = optionsOf({
    usage: ["npm run power-cuts -- [OPTIONS]"],
    options: {
      cuts: { kind: "count", default: 20, help: "cuts under load, on one data folder" },
      migrations: { kind: "count", default: 5, min: 0, help: "cuts around an old store's being brought up to date" },
      seed: SEED,
      patch: PATCH,
      record: { kind: "flag", help: "and the controls; writes docs/proof/power-cuts.json" },
    },
  });
  refuseParts(values.record, { patch: values.patch });
  const { cuts, migrations, seed } = values;
  const fileSystem = `ext4 in a file on ${fileSystemOf(tmpdir())}`;
  const recording = values.record
    ? new Recording({ suite: SUITE, command: `npm run power-cuts -- ${typed(values)}`, seed, fileSystem })
    : undefined;
  const planted = values.patch === undefined ? undefined : plantedTree(values.patch);
  try {
    const bug = planted === undefined ? {} : { tree: planted.tree, drainMs: 30_000 };
    const report = await powerCuts({ cuts, seed, say: (line) => console.error(line), ...bug });
    console.log(cutLines(report).join("\n"));
    const migrated = await migrationCuts(migrations, seed, planted?.tree);
    console.log(
      `cuts around a migration       ${migrated.cuts}: ${migrated.before} before, ${migrated.amid} amid, ${migrated.after} after; of ${migrated.messages} messages ${migrated.lost} lost, ${migrated.left} left in the queue, ${migrated.unexplained} repeated, ${migrated.altered} altered, ${migrated.uninvited} from nowhere`,
    );
    const { lost, left, unexplained, altered, uninvited } = migrated;
    tellVerdict([...wrongsIn(report.findings), ...shownWrongs({ lost, left, unexplained, altered, uninvited })]);
    refuseNothing({ cuts, "messages acknowledged": report.findings.acknowledgedMessages });
    const counts = {
      ...cutCounts(report),
      cutsBeforeMigration: migrated.before,
      cutsAmidMigration: migrated.amid,
      cutsAfterMigration: migrated.after,
      migrationMessages: migrated.messages,
      migrationLost: lost,
      migrationLeft: left,
      migrationUnexplained: unexplained,
      migrationAltered: altered + uninvited,
    };
    if (recording === undefined) return tellFigures(SUITE, counts);
    const controls: Record<string, number> = {};
    for (const name of CONTROLS) {
      controls[`${name}Lost`] = await lostWith(name, seed);
      console.log(`control ${name}: ${controls[`${name}Lost`]} recipients lost or altered`);
      if (controls[`${name}Lost`] === 0) process.exitCode = 1;
    }
    controls["migrationInTwoLost"] = await lostInTwo(seed);
    console.log(`control migration in two: ${controls["migrationInTwoLost"]} recipients lost`);
    if (controls["migrationInTwoLost"] === 0) process.exitCode = 1;
    tellFigures(SUITE, { ...counts, ...controls });
    recording.finish({ ...counts, ...controls });
  } finally {
    planted?.remove();
  }
}

await main();
