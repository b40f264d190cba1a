import type { RelayPlan } from "../../src/main/plan.ts";
import type { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";
import type { Ledger } from "./oracle/ledger.ts";
import { STOP_MS_MAX, type StopJudge } from "./oracle/stops.ts";
import { type Machine, SimulatedRelay } from "./simulated-relay.ts";
import type { Trace } from "./trace.ts";

export interface ServiceParts {
  readonly machine: Machine;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly stops: StopJudge;
  readonly plan: RelayPlan;
  /** One smart host is gone. */
  readonly planWithoutExtra: RelayPlan;
}

/** The relay as a service of its machine: its process begins, goes by other configurations, ends in some way, and begins again. */
export class Service {
  readonly #parts: ServiceParts;
  #process: SimulatedRelay | undefined;
  #isStopping = false;
  #isWithoutExtra = false;
  #starts = 0;
  crashes = 0;
  powerCuts = 0;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** Undefined where there is none, or it is about to end. */
  get running(): SimulatedRelay | undefined {
    return this.#process?.life.isDead === false && !this.#isStopping ? this.#process : undefined;
  }

  start(): void {
    const { machine, ledger, trace, plan, planWithoutExtra } = this.#parts;
    this.#isStopping = false;
    const process = new SimulatedRelay(machine, this.#isWithoutExtra ? planWithoutExtra : plan, ++this.#starts);
    this.#process = process;
    trace.add(machine.timeline.now, `start, ${process.recovered} recovered`);
    const files = process.store.inner.files();
    ledger.recovered(process.store.rows(), (id) => !files.has(id) || machine.disk.has(id));
    process.store.look();
    void process.start();
  }

  /** The process dies now, whatever it does, or the whole machine does. */
  crash(kind: "crash" | "power-cut"): void {
    const process = this.#process;
    if (process === undefined || process.life.isDead) return;
    const { machine, dice, faults, ledger, trace } = this.#parts;
    faults.count(kind);
    trace.add(machine.timeline.now, kind);
    if (kind === "crash") this.crashes++;
    else this.powerCuts++;
    ledger.died();
    process.end();
    if (kind === "power-cut") {
      machine.disk.cutPower();
      machine.spool.cutPower();
      process.store.cutPower();
    }
    machine.timeline.after(dice.magnitude(500, 60_000), () => this.start());
  }

  /** It ends in order, and begins again where it is not the last time. False where it does not run. */
  restart(kind: "restart" | "stop"): boolean {
    const process = this.running;
    if (process === undefined) return false;
    const { dice, faults, ledger, stops } = this.#parts;
    const { timeline } = this.#parts.machine;
    faults.count(kind);
    this.#isStopping = true;
    stops.began();
    const stop = async (): Promise<void> => {
      await process.stop();
      if (process.life.isDead && this.#process === process) ledger.stopped();
      if (kind === "restart") timeline.after(dice.magnitude(100, 60_000), () => this.start());
    };
    void stop();
    timeline.after(STOP_MS_MAX, () => this.#endStop(process));
    return true;
  }

  /** The relay ends threads that take too long. */
  #endStop(process: SimulatedRelay): void {
    if (process.life.isDead) return;
    this.#parts.stops.isOverdue();
    this.crash("crash");
  }

  /** One smart host comes, or goes. */
  reload(): void {
    const process = this.running;
    if (process === undefined) return;
    const { faults, ledger, plan, planWithoutExtra } = this.#parts;
    faults.count("reload");
    this.#isWithoutExtra = !this.#isWithoutExtra;
    ledger.troubled("extra");
    void process.reload(this.#isWithoutExtra ? planWithoutExtra : plan);
  }

  /** All next hops are in its configuration. */
  async reloadWhole(): Promise<void> {
    if (this.#isWithoutExtra) await this.running?.reload(this.#parts.plan);
    this.#isWithoutExtra = false;
  }

  lookAtSpace(): void {
    this.running?.lookAtSpace();
  }

  /** All is over. */
  end(): void {
    this.#process?.end();
  }
}
