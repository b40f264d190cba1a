import os from "node:os";
import type { Config } from "../../core/config/config.ts";
import { type ConfigIssue, issue } from "../../core/config/issue.ts";

/** Whether connections can come from it now; all of 127.0.0.0/8 is this machine's. */
function isHere(address: string): boolean {
  if (address.startsWith("127.")) return true;
  return Object.values(os.networkInterfaces()).some((found) => found?.some((own) => own.address === address) === true);
}

/** A warning for each `source` that is no address of this machine: it may get it later, but mail waits until then. */
export function warnOfSources(config: Pick<Config, "smartHosts" | "delivery" | "egresses">): ConfigIssue[] {
  const { smartHosts, delivery, egresses } = config;
  const sources = [
    ...smartHosts.map(({ name, egress }) => [["smarthosts", name, "source"], egress.source] as const),
    [["delivery", "source"], delivery.egress.source] as const,
    ...egresses.map(({ name, source }) => [["egress", name, "source"], source] as const),
  ];
  return sources.flatMap(([at, source]) =>
    source === undefined || isHere(source)
      ? []
      : [issue(at, `${source} is no address of this machine now: what is to be sent from there waits`)],
  );
}
