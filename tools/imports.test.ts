import { expect, test } from "vitest";
import { breaches } from "./imports.ts";

test("core imports nothing but core, and zod in its config", () => {
  expect(
    breaches("core/queue/settle.ts", 'import { wait } from "./backoff.ts";\nimport type { X } from "../base/time.ts";'),
  ).toEqual([]);
  expect(breaches("core/config/schema.ts", 'import { z } from "zod";')).toEqual([]);
  expect(breaches("core/queue/settle.ts", 'import fs from "node:fs";')).toHaveLength(1);
  expect(breaches("core/queue/settle.ts", 'import { z } from "zod";')).toHaveLength(1);
  expect(breaches("core/queue/settle.ts", 'import type { Clock } from "../../ports/clock.ts";')).toHaveLength(1);
});

test("imports over several lines, re-exports and dynamic imports are seen", () => {
  expect(breaches("engine/keeper.ts", 'import {\n  a,\n  b,\n} from "../adapters/net/socket.ts";')).toHaveLength(1);
  expect(breaches("engine/keeper.ts", 'export { a } from "../adapters/net/socket.ts";')).toHaveLength(1);
  expect(breaches("engine/keeper.ts", 'await import("node:fs");')).toHaveLength(1);
});

test("adapters import no other adapter, surfaces only the operator's part of the engine", () => {
  expect(breaches("adapters/net/socket.ts", 'import { a } from "./tls.ts";')).toEqual([]);
  expect(breaches("adapters/net/socket.ts", 'import { a } from "../log/line-writer.ts";')).toHaveLength(1);
  expect(breaches("adapters/net/socket.ts", 'import { a } from "../shared.ts";')).toEqual([]);
  expect(breaches("adapters/shared.ts", 'import { a } from "./other.ts";')).toEqual([]);
  expect(breaches("adapters/shared.ts", 'import { a } from "./log/line-writer.ts";')).toHaveLength(1);
  expect(breaches("surfaces/cli/queue.ts", 'import type { O } from "../../engine/operator.ts";')).toEqual([]);
  expect(breaches("surfaces/cli/queue.ts", 'import { K } from "../../engine/keeper.ts";')).toHaveLength(1);
});
