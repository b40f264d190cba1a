/**
 * How long a test waits for what has to come, in milliseconds. It comes within a moment; but a machine may be many times
 * slower than the one on which a test was written, and a test that gives up then says nothing about the relay.
 */
export const PATIENCE_MS = 90_000;
