import fs from "node:fs";

/** A user that the process can become. */
export interface ProcessUser {
  /** As the configuration has it. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** `name`, `name:group`, `uid:gid`; undefined where the system has no such user or group, or a number has no group. */
export function findUser(text: string, passwd = "/etc/passwd", group = "/etc/group"): ProcessUser | undefined {
  const [user = "", ofGroup] = text.split(":");
  const entry = entryOf(passwd, user, /^\d+$/.test(user) ? 2 : 0);
  const uid = entry?.[2] ?? (/^\d+$/.test(user) ? user : undefined);
  const gid = ofGroup === undefined ? entry?.[3] : groupOf(group, ofGroup);
  if (uid === undefined || gid === undefined || !isId(uid) || !isId(gid)) return undefined;
  return { name: text, uid: Number(uid), gid: Number(gid) };
}

/** What people know a user of this machine by. */
export interface UserWords {
  /** Its login name, or its number where it has none. */
  readonly login: string;
  /** Its name in full; empty where the system has none. */
  readonly name: string;
}

/** The first part of the field that has names, rooms and telephones (passwd(5)); `&` in it is the login name. */
export function userWords(uid: number, passwd = "/etc/passwd"): UserWords {
  const entry = entryOf(passwd, String(uid), 2);
  if (entry === undefined) return { login: String(uid), name: "" };
  const [login = "", , , , about = ""] = entry;
  const name = about.split(",")[0]!.replaceAll("&", login.slice(0, 1).toUpperCase() + login.slice(1));
  return { login, name };
}

function groupOf(file: string, text: string): string | undefined {
  return /^\d+$/.test(text) ? text : entryOf(file, text, 0)?.[2];
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1; // (uid_t) -1 means nobody in particular
}

/** A line of passwd(5) or group(5), in its fields. */
function entryOf(file: string, wanted: string, field: number): string[] | undefined {
  if (!fs.existsSync(file)) return undefined; // a container without users
  const lines = fs.readFileSync(file, "utf8").split("\n");
  return lines.map((line) => line.split(":")).find((fields) => fields.length > 3 && fields[field] === wanted);
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Whether the process is that user already. */
export function isUser({ uid }: ProcessUser): boolean {
  return process.getuid?.() === uid;
}

/**
 * Root's way to another user: what is made on it is the user's, what only root may do is done in between, and at its end
 * there is no way back. The system changes all threads of the process at once.
 */
export class Privileges {
  readonly #user: ProcessUser;

  /** For a process that runs as root. */
  constructor(user: ProcessUser) {
    this.#user = user;
    process.setgroups!([]);
  }

  /** Files are made as the user. */
  asUser(): void {
    process.setegid!(this.#user.gid);
    process.seteuid!(this.#user.uid);
  }

  asRoot(): void {
    process.seteuid!(0);
    process.setegid!(0);
  }

  /** For good. Throws where that is not so. */
  drop(): void {
    this.asRoot();
    process.setgid!(this.#user.gid);
    process.setuid!(this.#user.uid);
    if (canBeRoot()) throw new Error("the process could become root again");
  }
}

function canBeRoot(): boolean {
  try {
    process.setuid!(0);
    return true;
  } catch {
    return false; // EPERM: as it should be
  }
}
