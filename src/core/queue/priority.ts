/** Which mail goes first where it has to wait for the same thing; in order. */
export const PRIORITIES = ["high", "normal", "low"] as const;
export type Priority = (typeof PRIORITIES)[number];

/**
 * Turns in a row that each has while all of them wait. Nobody waits for ever: low mail has its turn too, and a turn that one
 * has no use for is the next one's.
 */
export const TURNS: Readonly<Record<Priority, number>> = { high: 7, normal: 2, low: 1 };
