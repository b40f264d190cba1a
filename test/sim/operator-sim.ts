import type { ExportedMail } from "../../src/engine/importer.ts";
import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { Account, Letter } from "./oracle/accounts.ts";
import type { Ledger } from "./oracle/ledger.ts";
import type { SimulatedRelay } from "./simulated-relay.ts";
import { importedLetter } from "./rogues.ts";
import { HOPS } from "./scenery.ts";

export interface OperatorParts {
  readonly dice: Dice;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly process: () => SimulatedRelay | undefined;
}

const ACTIONS = [
  "hold",
  "hold",
  "release",
  "release",
  "retry",
  "retry",
  "reroute",
  "reroute",
  "expire",
  "cancel",
] as const;
const LANES = ["smarthost/primary", "smarthost/backup", "mx/mx1.test", "smarthost/extra"];
/** Who gets nothing while that is paused, although they are well. */
const HOPS_OF: Readonly<Record<string, readonly string[]>> = {
  outbound: HOPS.map(({ name }) => name),
  "smarthost/primary": ["primary"],
  "smarthost/backup": ["backup"],
  "smarthost/extra": ["extra"],
  "mx/mx1.test": ["mxa"],
};

/** Somebody who looks after the relay, and has ideas. */
export class SimOperator {
  readonly #parts: OperatorParts;
  readonly #paused = new Set<string>();
  #imports = 0;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /** Does something. What becomes of it is the relay's business: it may die meanwhile. */
  act(): void {
    const { dice } = this.#parts;
    const chance = dice.fraction();
    if (chance < 0.55) this.#actOnOne();
    else if (chance < 0.65) this.#actOnLane();
    else if (chance < 0.85) this.#pauseOrResume();
    else this.#import();
  }

  /** Nothing is paused or held any more. */
  async clear(): Promise<void> {
    const process = this.#parts.process();
    if (process === undefined) return;
    for (const target of ["inbound", "outbound", ...LANES]) await process.operator.pause({ target, isPaused: false });
    this.#paused.clear();
    await process.operator.act({ action: "release", selection: { all: true } });
  }

  #actOnOne(): void {
    const { dice, faults, ledger, process } = this.#parts;
    const accounts = ledger.waiting();
    if (accounts.length === 0) return;
    const account: Account = dice.pick(accounts);
    const action = dice.pick(ACTIONS);
    if ((action === "cancel" || action === "expire") && dice.happens(0.5)) return;
    faults.count(`operator-${action}`);
    void process()?.operator.act({ action, selection: { recipient: account.address } });
  }

  #actOnLane(): void {
    const { dice, faults, process } = this.#parts;
    const action = dice.pick(["hold", "release", "retry", "retry", "reroute"] as const);
    faults.count(`operator-${action}-lane`);
    void process()?.operator.act({ action, selection: { lane: dice.pick(LANES) } });
  }

  #pauseOrResume(): void {
    const { dice, faults, ledger, process } = this.#parts;
    const target =
      this.#paused.size > 0 && dice.happens(0.6) ? [...this.#paused][0]! : dice.pick(["inbound", "outbound", ...LANES]);
    const isPaused = !this.#paused.has(target);
    if (isPaused) this.#paused.add(target);
    else this.#paused.delete(target);
    faults.count(isPaused ? "operator-pause" : "operator-resume");
    for (const hop of HOPS_OF[target] ?? []) ledger.troubled(hop);
    void process()?.operator.pause({ target, isPaused });
  }

  /** Mail of another relay's queue. */
  #import(): void {
    const { dice, faults, ledger, process } = this.#parts;
    const relay = process();
    if (relay === undefined) return;
    faults.count("operator-import");
    const number = ++this.#imports;
    const letter = importedLetter(number, dice.pick(["good.test", "mx1.test", "ext2.test"]));
    ledger.wrote(letter);
    const [account] = letter.accounts.values();
    const content = letter.content;
    const mail: ExportedMail = {
      message: {
        id: `Imported${String(number).padStart(6, "0")}`,
        receivedAt: relay.clock.now(),
        octets: content.length,
        envelope: JSON.stringify({
          from: letter.from,
          identity: "network 10.1.0.0/16",
          client: "10.1.0.9",
          prefix: "Received: by other.test; Sat, 21 Nov 2026 00:00:00 +0000\r\n",
          isEightBit: false,
          isUtf8: false,
          subject: "",
        }),
        deliveries: [
          {
            recipient: account!.address,
            options: "",
            lane: "smarthost/elsewhere",
            attempts: 1,
            priority: "normal",
            isHeld: dice.happens(0.2),
            isExpiring: false,
            isTold: false,
            last: "",
          },
        ],
      },
      content: one(content),
    };
    letter.fate = "unknown";
    void this.#takeIn(relay, mail, content, letter);
  }

  /** Somebody who is not sure reads the same file once more. */
  async #takeIn(relay: SimulatedRelay, mail: ExportedMail, content: Uint8Array, letter: Letter): Promise<void> {
    const report = await relay.importer.take(all(mail));
    if ("messages" in report) letter.fate = "acknowledged";
    if (this.#parts.dice.happens(0.6)) return;
    await new Promise<void>((resolve) => void relay.clock.after(this.#parts.dice.magnitude(10, 600_000), resolve));
    this.#parts.faults.count("operator-import-again");
    await relay.importer.take(all({ ...mail, content: one(content) }));
  }
}

async function* one(content: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield Uint8Array.from(content);
}

async function* all(mail: ExportedMail): AsyncGenerator<ExportedMail, void, void> {
  yield mail;
}
