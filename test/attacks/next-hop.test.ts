import { afterAll, expect, test } from "vitest";
import { ROWS, type Cell } from "../support/broken-hops.ts";
import { type Judgement, runCell } from "../support/hop-run.ts";

const CELLS: readonly Cell[] = [false, true].flatMap((isTls) =>
  [true, false].flatMap((isPipelined) => [1, 3].map((recipients) => ({ isTls, isPipelined, recipients }))),
);

const name = (cell: Cell): string =>
  `${cell.isTls ? "STARTTLS" : "plain"}, ${cell.isPipelined ? "PIPELINING" : "one by one"}, ${cell.recipients} recipients`;

const judged: Judgement[] = [];

test.each(CELLS.map((cell) => [name(cell), cell] as const))("broken next hops: %s", async (_, cell) => {
  const judgement = await runCell(cell, ROWS);
  judged.push(judgement);
  const { wrongSuccesses, wrongReports, wrongEnds, faults } = judgement;
  expect({ wrongSuccesses, wrongReports, wrongEnds, faults }).toEqual({
    wrongSuccesses: [],
    wrongReports: [],
    wrongEnds: [],
    faults: [],
  });
});

afterAll(() => {
  const sum = (of: (one: Judgement) => number): number => judged.reduce((total, one) => total + of(one), 0);
  console.log(
    `${ROWS.length} rows x ${judged.length} cells, ${sum((one) => one.recipients)} recipients: ` +
      `${sum((one) => one.ends.delivered)} delivered (${sum((one) => one.wrongSuccesses.length)} wrongly), ` +
      `${sum((one) => one.ends.deferred)} deferred, ${sum((one) => one.ends.failed)} failed, ` +
      `${sum((one) => one.reports)} reports (${sum((one) => one.wrongReports.length)} wrong)`,
  );
});
