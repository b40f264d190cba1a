import { expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { CONTROL } from "../core/base/limits.ts";
import { StorageError } from "../ports/content.ts";
import type { ControlToStore } from "./messages.ts";
import { NoAnswer, OperatorClient } from "./operator-client.ts";

test("a step that was not done is told from one of which nobody knows", async () => {
  const clock = new FakeClock();
  let isThere = false;
  const say = (order: ControlToStore): void => {
    if (isThere && order.kind === "import")
      client.fromStore({ kind: "not-done", number: order.number, reason: "full", text: "no room" });
  };
  const client: OperatorClient = new OperatorClient({ say }, clock);
  const imported = async (): Promise<unknown> => await client.import([]).catch((error: unknown) => error);
  const waiting = imported();
  clock.advance(CONTROL.storePatience);
  expect(await waiting).toBeInstanceOf(NoAnswer);
  isThere = true;
  const refused = await imported();
  expect(refused).toBeInstanceOf(StorageError);
  expect(refused).not.toBeInstanceOf(NoAnswer);
});
