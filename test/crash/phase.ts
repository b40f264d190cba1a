import { readdirSync, readlinkSync } from "node:fs";
import path from "node:path";
import type { RelayProcess } from "../support/relay.ts";

// Where a relay is in its life, by what is seen of it from outside.

export const PHASES = ["before-store", "store-open", "up", "in-reload", "in-stop"] as const;
export type Phase = (typeof PHASES)[number];

/** `reloads` is how often it was told to take over its configuration. */
export function phaseOf(relay: RelayProcess, queueFile: string, reloads: number): Phase {
  if (relay.events("relay.stopping").length > 0) return "in-stop";
  if (relay.events("relay.started").length === 0) return hasOpen(relay.pid, queueFile) ? "store-open" : "before-store";
  const over = relay.events("config.reloaded").length + relay.events("config.rejected").length;
  return over < reloads ? "in-reload" : "up";
}

/** The process has the file open: what it does from here on may be in it. */
export function hasOpen(pid: number, file: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((descriptor) => isLinkTo(path.join(folder, descriptor), file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false; // the process is gone
    throw error;
  }
}

function isLinkTo(link: string, file: string): boolean {
  try {
    return readlinkSync(link) === file;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false; // closed meanwhile
    throw error;
  }
}
