export interface SessionLimits {
  readonly sessionsMax: number;
  readonly perStrangerMax: number;
  readonly perTrustedMax: number;
}

/** Who is connected to one listener, by address; IPv6 by its /64, which is one customer. */
export class SessionCount {
  readonly #limits: SessionLimits;
  readonly #byAddress = new Map<string, number>();
  #sessions = 0;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** False where there are too many; then nothing was counted. */
  enter(address: string, isTrusted: boolean): boolean {
    const key = keyOf(address);
    const sessions = this.#byAddress.get(key) ?? 0;
    const { sessionsMax, perTrustedMax, perStrangerMax } = this.#limits;
    if (this.#sessions >= sessionsMax || sessions >= (isTrusted ? perTrustedMax : perStrangerMax)) return false;
    this.#sessions++;
    this.#byAddress.set(key, sessions + 1);
    return true;
  }

  leave(address: string): void {
    const key = keyOf(address);
    const sessions = (this.#byAddress.get(key) ?? 0) - 1;
    this.#sessions--;
    if (sessions <= 0) this.#byAddress.delete(key);
    else this.#byAddress.set(key, sessions);
  }
}

function keyOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("::");
  const groups = head.split(":");
  const known = address.includes("::")
    ? [...groups, ...Array.from({ length: 8 - groups.length - tail.split(":").length }, () => "0")]
    : groups;
  return known.slice(0, 4).join(":");
}
