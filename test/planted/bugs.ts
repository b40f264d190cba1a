// The planted bugs that the suites together have to find, each by two of them at least.

export interface Bug {
  /** Its patch in this folder. */
  readonly patch: string;
  readonly what: string;
}

/** Planted by somebody who had seen the source and no test. */
export const BLIND_BUGS: readonly Bug[] = [
  { patch: "lookup-keeps-list", what: "who waits for the DNS is remembered as it was when the lookup began" },
  { patch: "lowered-rate-forgets", what: "a rate that a reload lowers forgets the newest of what began" },
  { patch: "barred-before-unknown", what: "an address that is barred counts more than a lookup without an answer" },
];

export const BUGS: readonly Bug[] = [
  { patch: "ack-before-commit", what: "250 before the commit" },
  { patch: "sync-off", what: "the store does not sync" },
  { patch: "completion-dropped", what: "the end of a delivery is not recorded" },
  { patch: "lf-dot-crlf-ends", what: "LF . CR LF ends the content" },
  { patch: "starttls-keeps-buffer", what: "what came behind STARTTLS is kept" },
  { patch: "no-space-swallowed", what: "a full disk is taken for a written one" },
  { patch: "granted-twice", what: "one delivery is granted to two couriers" },
  { patch: "unbounded-line", what: "a line without a bound" },
  { patch: "second-250", what: "a second 250" },
  { patch: "limit-off-by-one", what: "a limit that is one too high" },
  { patch: "reset-forgotten", what: "an error does not reset the transaction" },
  { patch: "dsn-for-null-sender", what: "a report for a message from the null sender" },
];
