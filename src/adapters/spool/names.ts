/** What a file is called until all of it is on stable storage: its name, and this. */
export const UNFINISHED = ".new";

/** The folder of files that were refused and whose sender could not be told. */
export const DEAD = "dead";

/** In `dead`: the relay's lock on the spool, and the number of its process. */
export const LOCK = ".lock.db";
export const PROCESS = ".process";
