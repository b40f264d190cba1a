import { descriptorsMax } from "../adapters/system/descriptors.ts";
import { volatileFileSystem } from "../adapters/system/space.ts";
import { DNS, OUTBOUND } from "../core/base/limits.ts";
import type { Config } from "../core/config/config.ts";
import type { Recorder } from "../ports/recorder.ts";

/** Tells at the start what the system gives too little of: otherwise the first flood or power cut does. */
export function tellSurroundings({ data, listeners, limits, routes }: Config, recorder: Recorder): void {
  const fileSystem = volatileFileSystem(data);
  if (fileSystem !== undefined) recorder.record({ event: "data.volatile", data, fileSystem });
  const sessions = listeners.length * limits.sessionsPerListener;
  const descriptors = descriptorsMax();
  const asksDns = routes.some(({ steps }) => steps.some(({ kind }) => kind === "mx"));
  const connections = OUTBOUND.connectionsMax + (asksDns ? DNS.youngMax + DNS.slowMax : 0);
  if (descriptors !== undefined && descriptors < sessions + connections)
    recorder.record({ event: "descriptors.few", descriptors, sessions, connections });
}
