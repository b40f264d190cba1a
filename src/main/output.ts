// Standard output and standard error of a command, where they cannot be written.
import { isDiskFull } from "../adapters/disk-full.ts";
import { EXIT } from "../surfaces/cli/failure.ts";

/** Whoever read is gone, as `head` is once it has its lines. */
const GONE: ReadonlySet<string | undefined> = new Set(["EPIPE", "ECONNRESET"]);

/**
 * A reader that is gone ends no command, which does what it was asked, and is told nothing: nobody would read it. Anything
 * else that keeps the output from being written is said, once, and has the command fail.
 */
export function bearOutput(): void {
  let isTold = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (GONE.has(error.code) || isTold) return;
    isTold = true;
    console.error(`waypost: standard output cannot be written: ${error.message}`);
    process.exitCode = isDiskFull(error) ? EXIT.temporary : EXIT.unavailable;
  });
  process.stderr.on("error", () => undefined); // there is no other place to say it
}
