import { expect, test } from "vitest";
import { SPOOL } from "../core/base/limits.ts";
import { minute } from "../core/base/time.ts";
import type { Event } from "../core/events.ts";
import { SpoolFailures } from "./spool-failures.ts";

test("so many failures a minute are said, of the others how many there were", () => {
  const events: Event[] = [];
  const failures = new SpoolFailures({ record: (event) => void events.push(event) });
  for (let n = 0; n < SPOOL.failuresToldPerMinute + 7; n++) failures.tell(String(n), "EACCES", n);
  expect(events).toHaveLength(SPOOL.failuresToldPerMinute);
  failures.tell("later", "EACCES", minute);
  expect(events.slice(SPOOL.failuresToldPerMinute)).toEqual([
    { event: "spool.failed", file: undefined, text: expect.stringMatching(/^7 more times/) },
    { event: "spool.failed", file: "later", text: "EACCES" },
  ]);
});
