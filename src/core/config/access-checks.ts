// Who may relay without a password.

import { holdsManyOthers, isWideOpen } from "../policy/breadth.ts";
import type { Network } from "../policy/network.ts";
import { type ConfigIssue, issue } from "./issue.ts";
import { type SomeSections, validOnes } from "./rough-sections.ts";
import { OPEN_TO_EVERYONE } from "./schema.ts";

interface Networks {
  readonly networks: readonly (Network | undefined)[];
  readonly isOpenToEveryone: boolean;
}

export function checkNetworks({ networks, isOpenToEveryone }: Networks): ConfigIssue[] {
  if (isOpenToEveryone) return [];
  return validOnes(networks).flatMap(([index, network]) =>
    isWideOpen(network)
      ? issue(
          ["access", "networks", index],
          `${network.text} would let strangers relay; if that is meant, set access.open_to_everyone: "${OPEN_TO_EVERYONE}"`,
        )
      : [],
  );
}

export function warnOfManyOthers({ access }: SomeSections): ConfigIssue[] {
  if (access === undefined || access.open_to_everyone !== undefined) return [];
  return access.networks.flatMap((network, index) =>
    holdsManyOthers(network)
      ? issue(
          ["access", "networks", index],
          `${network.text} holds public addresses of many others, who may relay then; name the networks that are yours`,
        )
      : [],
  );
}

export function warnOfOpenRelay({ access }: SomeSections): ConfigIssue[] {
  if (access?.open_to_everyone === undefined) return [];
  return [
    issue(["access", "open_to_everyone"], "whoever reaches a listener from access.networks may send mail to anybody"),
  ];
}

export function warnOfNobody({ access, credentials }: SomeSections): ConfigIssue[] {
  if (access === undefined || access.networks.length > 0 || credentials?.length !== 0) return [];
  return [issue([], "nobody may relay: there are neither access.networks nor credentials")];
}

export function warnOfUselessSenders({ access }: SomeSections): ConfigIssue[] {
  if (access?.senders === undefined || access.networks.length > 0) return [];
  return [issue(["access", "senders"], "binds nobody: it is about clients of access.networks, and there are none")];
}
