/**
 * Whether this is a proof run (`npm run next-hops`, `npm run chains`), with every cell and every message. Without it a suite
 * tries enough of them to notice what breaks, in the time that everybody has.
 */
export const isProof = process.env["WAYPOST_PROOF"] === "1";
