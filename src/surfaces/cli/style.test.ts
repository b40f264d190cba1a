import { afterEach, expect, test, vi } from "vitest";
import { shownLine, styled } from "./style.ts";

afterEach(() => vi.unstubAllEnvs());

const FOREIGN = "a\u001b[2J\u001b[31;1mb\nc\u0007\u009b2J\u202e";
const SHOWN = String.raw`a\x1b[2J\x1b[31;1mb\x0ac\x07\x9b2J\u{202e}`;

test("what a line quotes is shown as text; its own styles stay where they are", () => {
  expect(shownLine(FOREIGN, { isTTY: false })).toBe(SHOWN);
  vi.stubEnv("NO_COLOR", "");
  vi.stubEnv("TERM", "xterm");
  const terminal = { isTTY: true };
  const red = styled("red", "x", terminal);
  expect(red).toBe("\u001b[31mx\u001b[39m");
  expect(shownLine(`${red} ${FOREIGN}`, terminal)).toBe(`${red} ${SHOWN}`);
  // Where nothing is in colour, no sequence is ours.
  vi.stubEnv("NO_COLOR", "1");
  expect(shownLine(red, terminal)).toBe(String.raw`\x1b[31mx\x1b[39m`);
});
