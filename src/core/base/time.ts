/** Milliseconds since 1970-01-01T00:00:00Z by the wall clock. Used for the schedule, never for timeouts. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

export const second: Duration = 1000;
export const minute: Duration = 60 * second;
export const hour: Duration = 60 * minute;
export const day: Duration = 24 * hour;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** RFC 5322 section 3.3 date-time, always in UTC: `Sat, 21 Nov 2026 23:05:39 +0000`. */
export function dateTime(instant: Instant): string {
  const date = new Date(instant);
  const two = (n: number): string => (n < 10 ? `0${n}` : `${n}`);
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()} ${clock} +0000`;
}
