/**
 * Whether this is a proof run (`npm run attacks`, `npm run chains`, ...: tools/suite.ts), with every cell, every message,
 * and what only a quiet machine shows. Without it a suite tries enough to notice what breaks, in the time that everybody has.
 */
export const isProof = process.env["WAYPOST_PROOF"] === "1";
