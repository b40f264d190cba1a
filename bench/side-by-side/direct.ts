import type { Contender } from "./contender.ts";

/** No relay at all: what source and sink could do, which no relay between them passes. */
export const direct: Contender = {
  name: "none",
  missing: ({ login }) => (login ? "smtp-sink has no logins" : undefined),
  start: ({ sinkPort }) => Promise.resolve({ port: sinkPort, pid: undefined, stop: () => Promise.resolve() }),
};
