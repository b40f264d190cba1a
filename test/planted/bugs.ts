// The planted bugs, and who has to find them.

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

/** The suites together have to find them, each by two of them at least. */
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

/** `npm run sim -- --patch all`: worlds show them. */
export const WORLDS = "test/sim/planted-worlds.ts";
/** `npm run planted`: `BUGS` and `BLIND_BUGS`, before each suite. */
export const EACH_SUITE = "test/planted/planted.ts";

/** By patch, who sets it and has to find it; those in `fuzz` are for the fuzzer of their name. */
export const SHOWN_BY: Readonly<Record<string, readonly string[]>> = {
  "ack-before-commit": [
    WORLDS,
    EACH_SUITE,
    "test/crash/kill-controls.ts",
    "test/crash/crash-points.ts",
    "test/crash/fsync-order.test.ts",
  ],
  "barred-before-unknown": [EACH_SUITE],
  "completion-dropped": [WORLDS, EACH_SUITE, "test/crash/kill-controls.ts"],
  "completion-late": [WORLDS, "test/crash/kill-controls.ts"],
  "content-removed-first": [WORLDS],
  "content-unsynced": ["test/crash/cut-controls.ts"],
  "converts-always": [WORLDS],
  "doubt-untold": [WORLDS],
  "dns-trouble-is-final": ["test/crash/kill-controls.ts"],
  "dsn-for-null-sender": [WORLDS, EACH_SUITE],
  "duplicate-hurried": [WORLDS],
  "expires-too-soon": ["test/crash/kill-controls.ts"],
  "fsync-error-swallowed": ["test/crash/crash-points.ts"],
  "granted-twice": [WORLDS, EACH_SUITE],
  "import-forgets": [WORLDS, "test/e2e/queue-file.test.ts"],
  "in-hand-unbounded": [WORLDS],
  "intermediate-is-success": [WORLDS, "test/attacks/next-hop.test.ts"],
  "lane-never-wakes": [WORLDS],
  "lf-dot-crlf-ends": [WORLDS, EACH_SUITE],
  "limit-off-by-one": [WORLDS, EACH_SUITE],
  "login-bounces": [WORLDS, "test/attacks/next-hop.test.ts"],
  "logins-in-one-line": ["test/attacks/logins.test.ts"],
  "long-work-forgets": [WORLDS],
  "lookup-keeps-list": [EACH_SUITE],
  "lowered-rate-forgets": [EACH_SUITE],
  "migration-in-two": ["test/crash/migration-cuts.ts"],
  "migration-mixes": ["test/crash/power.test.ts"],
  "no-space-swallowed": [WORLDS, EACH_SUITE, "test/crash/disk.ts"],
  "pickup-forgets": [WORLDS, "test/e2e/spool.test.ts"],
  "postmaster-told-less": [WORLDS],
  "quoted-printable-wrong": [WORLDS],
  "recipient-lost": [WORLDS],
  "reload-ends-sessions": [WORLDS, "test/e2e/reload.test.ts"],
  "reload-forgets-revocation": ["test/e2e/reload.test.ts"],
  "replies-pile-up": [WORLDS],
  "report-apart": ["test/crash/kill-controls.ts"],
  "reset-forgotten": [WORLDS, EACH_SUITE],
  "second-250": [WORLDS, EACH_SUITE],
  "sender-lost": [WORLDS],
  "site-limit-off-by-one": [WORLDS],
  "starttls-keeps-buffer": [WORLDS, EACH_SUITE],
  "stop-waits": [WORLDS],
  "store-lost-unseen": ["test/e2e/store-files.test.ts"],
  "sync-normal": ["test/crash/cut-controls.ts"],
  "sync-off": [WORLDS, EACH_SUITE, "test/crash/cut-controls.ts", "test/crash/fsync-order.test.ts"],
  "thread-ends": ["test/crash/kill-run.ts"],
  "too-big-too-soon": [WORLDS],
  "turn-eats-command": [WORLDS],
  "unbounded-line": [WORLDS, EACH_SUITE],
  "wake-too-late": ["test/crash/kill-controls.ts"],
};
