/** What a file is called until all of it is on stable storage: its name, and this. */
export const UNFINISHED = ".new";

/** The folder of files that were refused and whose sender could not be told. */
export const DEAD = "dead";
