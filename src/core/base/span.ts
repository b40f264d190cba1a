import { type Duration, day, hour, minute, second } from "./time.ts";

/** For people: `3 h 12 min`, the two largest units. */
export function span(duration: Duration): string {
  const parts: string[] = [];
  let left = Math.max(0, duration);
  for (const [unit, name] of [
    [day, "d"],
    [hour, "h"],
    [minute, "min"],
    [second, "s"],
  ] as const) {
    const count = Math.floor(left / unit);
    left -= count * unit;
    if (count > 0 || (unit === second && parts.length === 0)) parts.push(`${count} ${name}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}
