/**
 * Whether this is a proof run (`npm run next-hops`, `npm run chains`, `npm run scheduling`, `npm run bulk`), with every cell, every message,
 * and what only a quiet machine shows. Without it a suite tries enough to notice what breaks, in the time that everybody has.
 */
export const isProof = process.env["WAYPOST_PROOF"] === "1";
