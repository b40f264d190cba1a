import type { Arrival } from "../../src/ports/store.ts";

/** A message without content and without deliveries, for tests that only count. */
export const EMPTY_ARRIVAL: Arrival = {
  id: "0".repeat(14),
  receivedAt: 0,
  octets: 0,
  envelope: "{}",
  content: new Uint8Array(0),
  deliveries: [],
};
