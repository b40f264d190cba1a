import { expect, test } from "vitest";
import { missing } from "./unused.ts";

test("a name that no source mentions is told, one that some source mentions is not", () => {
  const sources = [{ file: "a.ts", text: 'record({ event: "relay.started" })' }];
  const form = (name: string): RegExp => new RegExp(`event: "${name}"`);
  expect(missing(["relay.started", "relay.stopped"], sources, form)).toEqual(["relay.stopped"]);
});
