import type { ConfigPath } from "../../core/config/issue.ts";
import type { Environment } from "./find.ts";

const VARIABLES: Readonly<Record<string, string>> = {
  hostname: "WAYPOST_HOSTNAME",
  data: "WAYPOST_DATA",
  listeners: "WAYPOST_LISTEN",
  access: "WAYPOST_NETWORKS",
  smarthosts: "WAYPOST_RELAYHOST",
};

function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}

/** The configuration that WAYPOST_RELAYHOST stands for, as a file would say it. Closed to all but this machine unless told. */
export function configFromEnvironment(environment: Environment, systemName: string): object {
  return {
    hostname: environment["WAYPOST_HOSTNAME"] ?? systemName,
    data: environment["WAYPOST_DATA"] ?? "./waypost-data",
    listeners: listOf(environment["WAYPOST_LISTEN"] ?? "127.0.0.1:2525").map((listen) => ({ listen, tls: "none" })),
    access: { networks: listOf(environment["WAYPOST_NETWORKS"] ?? "127.0.0.0/8, ::1") },
    smarthosts: { relayhost: { url: environment["WAYPOST_RELAYHOST"] } },
    routes: [{ deliver: "relayhost" }],
  };
}

/** The variable that says what stands at `path`. */
export function variableAt(path: ConfigPath): string {
  return VARIABLES[String(path[0])] ?? "WAYPOST_RELAYHOST";
}
