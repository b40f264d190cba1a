import { expect, test } from "vitest";
import { issue } from "../../core/config/issue.ts";
import { FREE_TERMS } from "../../core/routing/site-terms.ts";
import { warnOfSources } from "./own-addresses.ts";

const WAITS = "192.0.2.9 is no address of this machine now: what is to be sent from there waits";
const from = (source: string | undefined) => ({ ...FREE_TERMS, egress: { ...FREE_TERMS.egress, source } });
const delivery = { permitsLiterals: false, privateNetworks: [], port: 25 };

test("a source that is not this machine's is named with its key; one that is, or none, is not", () => {
  const own = { smartHosts: [], egresses: [], delivery: { ...delivery, ...from("127.0.0.9") } };
  expect(warnOfSources(own)).toEqual([]);
  expect(warnOfSources({ ...own, delivery: { ...delivery, ...from(undefined) } })).toEqual([]);
  expect(warnOfSources({ ...own, delivery: { ...delivery, ...from("192.0.2.9") } })).toEqual([
    issue(["delivery", "source"], WAITS),
  ]);
  const egress = (source: string) => ({ name: "bulk", source, ehloName: undefined, family: undefined });
  expect(warnOfSources({ ...own, egresses: [egress("192.0.2.9"), egress("127.0.0.9")] })).toEqual([
    issue(["egress", "bulk", "source"], WAITS),
  ]);
});
