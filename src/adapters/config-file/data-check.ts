import { type Stats, constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type ConfigIssue, issue } from "../../core/config/issue.ts";

export interface Findings {
  readonly errors: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

export interface Users {
  /** Who is to use the folder, where that is known. */
  readonly user?: number | undefined;
  /** Who looks; this process unless said. */
  readonly looker?: number | undefined;
}

const ROOT = 0;
const NOTHING: Findings = { errors: [], warnings: [] };
const ADVICE = "name a folder, which is made where it is not there";

function wrong(why: string): Findings {
  return { errors: [issue(["data"], why)], warnings: [] };
}

function odd(why: string | undefined): Findings {
  return why === undefined ? NOTHING : { errors: [], warnings: [issue(["data"], why)] };
}

/** The system's word for why something cannot be; throws what is none. */
function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
}

/** Looks at the data folder, or at where the start would make it, and says what it would find there. */
export async function checkData(data: string | undefined, users: Users): Promise<Findings> {
  if (data === undefined) return NOTHING;
  const found = await stat(data).catch(codeOf);
  if (typeof found !== "string") {
    if (!found.isDirectory()) return wrong(`${data} is a file: ${ADVICE}`);
    const kind = await pseudoFileSystem(data);
    return kind === undefined ? odd(exposure(data, found, users)) : wrong(`${data} is in ${kind}: ${ADVICE}`);
  }
  switch (found) {
    case "ENOTDIR":
      return wrong(`${data} lies below ${await ancestor(data)}, which is a file: ${ADVICE}`);
    case "ENAMETOOLONG":
      return wrong(`a name in ${data} is longer than the system takes: name another folder`);
    case "ENOENT":
      return await checkPlace(data, await ancestor(data));
    default:
      return NOTHING; // what this user may not see, the relay's may: the start says what it finds
  }
}

/** The nearest part of the path that is there. */
async function ancestor(path: string): Promise<string> {
  const above = dirname(path);
  const found = await stat(above).catch(codeOf);
  return typeof found !== "string" || above === path ? above : await ancestor(above);
}

/** `above` is where the folder would be made. */
async function checkPlace(data: string, above: string): Promise<Findings> {
  const kind = await pseudoFileSystem(above);
  if (kind !== undefined) return wrong(`${data} would be in ${kind}: ${ADVICE}`);
  const obstacle = await access(above, constants.W_OK).then(() => undefined, codeOf);
  if (obstacle === "EROFS") return wrong(`${data} is not there, and ${above} is read-only: ${ADVICE}`);
  if (obstacle !== "EACCES") return NOTHING;
  return odd(`${data} is not there, and this user may not make it in ${above}: make it for the user of the relay`);
}

const PSEUDO_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x9fa0, "/proc"],
  [0x62656572, "/sys"],
  [0x63677270, "/sys"], // cgroup2
]);

/** Where the system shows itself, and nothing is kept; undefined elsewhere. */
async function pseudoFileSystem(folder: string): Promise<string | undefined> {
  const found = await statfs(folder).catch(codeOf);
  return typeof found === "string" ? undefined : PSEUDO_FILE_SYSTEMS.get(found.type >>> 0);
}

const OTHERS_MAY_WRITE = 0o022;
const OTHERS_MAY_LIST = 0o044;

/** Whoever may write in the folder can put other files in place of the queue, whatever the modes of the files. */
function exposure(
  data: string,
  { uid, mode }: Stats,
  { user, looker = process.getuid?.() }: Users,
): string | undefined {
  if ((mode & OTHERS_MAY_WRITE) !== 0)
    return `other users may write in ${data}, and so read, change and forge all mail: run chmod 700 ${data}`;
  if (user !== undefined && uid !== user && uid !== ROOT)
    return `${data} belongs to user ${uid}, who may read, change and forge all mail: run chown ${user} ${data}`;
  // What a container runtime made is root's, and not the user's to change.
  if ((mode & OTHERS_MAY_LIST) === 0 || uid !== looker || uid === ROOT) return undefined;
  return `others may see which messages wait in ${data}: run chmod 700 ${data}`;
}
