// The planted bugs that the suites together have to find, each by two of them at least.

export interface Bug {
  /** Its patch in this folder. */
  readonly patch: string;
  readonly what: string;
}

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
