// What has to be empty in what the judges of the crash suites say: the promises did not hold where one is not.

/** Of mail, by what was sent and what came (account.ts). */
const OF_MAIL = ["lost", "unexplained", "altered", "uninvited"] as const;

/** Of what the relay recorded. */
const OF_RECORDS = ["unrecorded", "wronglyFailed"] as const;

/** Of reports to senders (reports.ts). */
const OF_REPORTS = [
  "untold",
  "toldTwice",
  "wronglyTold",
  "misdirected",
  "reportsUnexplained",
  "reportsAltered",
] as const;

/** Of any relay that was killed once. */
export const WRONGS_OF_ONE_LIFE = [...OF_MAIL, ...OF_RECORDS, ...OF_REPORTS] as const;

/** Of rounds of load. */
export const WRONGS = [...WRONGS_OF_ONE_LIFE, "wronglyRefused", "asleep"] as const;
