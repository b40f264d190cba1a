import { closeSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { RelayHome } from "../support/relay.ts";
import { hasOpen } from "./phase.ts";

test("a file that a process has open is seen, and no other", () => {
  const home = new RelayHome();
  try {
    const file = home.write("a", "");
    const descriptor = openSync(file, "r");
    expect(hasOpen(process.pid, file)).toBe(true);
    closeSync(descriptor);
    expect(hasOpen(process.pid, file)).toBe(false);
  } finally {
    home.remove();
  }
});
