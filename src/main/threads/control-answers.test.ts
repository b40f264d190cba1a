import { expect, test } from "vitest";
import { controlAnswers, type ControlAnswersParts } from "./control-answers.ts";

/** Answers say who was asked. */
function answers(isStopping: boolean): ReturnType<typeof controlAnswers> {
  const parts = {
    view: { status: () => "status", list: () => "list", count: () => "count", show: () => "show" },
    changes: { act: () => Promise.resolve("act"), pause: () => Promise.resolve("pause") },
    importer: { take: () => Promise.resolve("import") },
    catchUp: () => undefined,
    prune: () => "prune",
    reload: ({ isDryRun }: { isDryRun: boolean }) => Promise.resolve(isDryRun ? "diff" : "reload"),
    isStopping: () => isStopping,
  };
  return controlAnswers(parts as unknown as ControlAnswersParts);
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

test("a relay that stops takes no import and no other configuration, and answers all else", async () => {
  const [running, stopping] = [answers(false), answers(true)];
  const refused = { kind: "failed", refused: expect.stringContaining("the relay is stopping") };
  expect([await running.import(nothing()), await stopping.import(nothing())]).toEqual(["import", refused]);
  const reload = { isDryRun: false };
  expect([await running.reload(reload), await stopping.reload(reload)]).toEqual(["reload", refused]);
  expect(await stopping.reload({ isDryRun: true })).toBe("diff");
  expect(await stopping.act({})).toBe("act");
  expect(await stopping.pause({})).toBe("pause");
  expect(stopping.prune({})).toBe("prune");
  expect(stopping.status({ hasActiveSites: false })).toBe("status");
});

test("a request that is none is refused before anybody is asked", async () => {
  expect(await answers(false).reload({})).toMatchObject({ kind: "wrong" });
  expect(answers(false).prune({ olderThan: 1 })).toMatchObject({ kind: "wrong" });
});
