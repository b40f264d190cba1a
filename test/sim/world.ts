import path from "node:path";
import type { Event } from "../../src/core/events.ts";
import type { HistoryEntry } from "../../src/ports/history.ts";
import type { ClientParts } from "./client.ts";
import { Climate } from "./climate.ts";
import { Dice } from "./dice.ts";
import { Disk } from "./disk.ts";
import { Faults } from "./faults.ts";
import { Crash, RELIABLE, type StoreTrouble } from "./faulty-store.ts";
import { Writer } from "./letters.ts";
import { Names } from "./names.ts";
import { Net } from "./net.ts";
import { NextHop } from "./next-hop.ts";
import { SimOperator } from "./operator-sim.ts";
import { Population } from "./population.ts";
import { Ledger } from "./oracle/ledger.ts";
import { SiteBook } from "./oracle/sites.ts";
import { STOP_MS_MAX, StopJudge } from "./oracle/stops.ts";
import { Service } from "./service.ts";
import type { Machine } from "./simulated-relay.ts";
import {
  CHANGED_ZONES,
  DOMAINS,
  FIRST_WAIT_MS,
  HOPS,
  HOSTS,
  HOUR_MS,
  LISTENERS,
  LONGEST_WAIT_MS,
  MINUTE_MS,
  POSTMASTER,
  REPORTED_PER_SENDER,
  REPORTED_TO_POSTMASTER,
  type Terms,
  ZONES,
  drawTerms,
  hopsBehind,
  hopsOf,
  inHandMax,
  planFor,
  siteBounds,
  sizeOf,
} from "./scenery.ts";
import { SpoolFolder } from "./spool.ts";
import { START, Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";

/** What came of a world. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly trace: string;
  readonly events: number;
  readonly virtualHours: number;
  readonly acknowledged: number;
  readonly deliveries: number;
  readonly duplicatesExplained: number;
  readonly reports: number;
  readonly crashes: number;
  readonly powerCuts: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly reasons: ReadonlySet<string>;
}

/** When nothing goes wrong any more, everything has to end within this. */
const CALM_HOURS_MAX = 60;
const NULL_LIFE_MS = 24 * HOUR_MS;

/** One seed: a machine, a relay on it, and everybody around it. */
export class World {
  readonly timeline = new Timeline();
  readonly faults = new Faults();
  readonly net: Net;
  readonly names: Names;
  readonly disk: Disk;
  readonly spool: SpoolFolder;
  readonly hops: readonly NextHop[];
  readonly ledger: Ledger;
  readonly operator: SimOperator;
  readonly service: Service;
  readonly wall = { offset: 0 };
  storeTrouble: StoreTrouble = RELIABLE;
  historyFails = 0;
  readonly #seed: number;
  readonly #listener: ((at: number, event: Event) => void) | undefined;
  readonly #hours: number;
  readonly #dice: Dice;
  readonly #trace = new Trace();
  readonly #folder: string;
  readonly #population: Population;
  /** Of which history has an end. */
  readonly #recorded = new Set<string>();
  readonly #stops: StopJudge;

  /** `listener` hears what the relay logs. */
  constructor(seed: number, hours: number, folder: string, listener?: (at: number, event: Event) => void) {
    this.#listener = listener;
    this.#seed = seed;
    this.#hours = hours;
    this.#folder = folder;
    this.#dice = new Dice(seed);
    const dice = this.#dice;
    const terms = drawTerms(dice);
    const { timeline, faults } = this;
    this.ledger = new Ledger(
      {
        postmaster: terms.hasPostmaster ? POSTMASTER : undefined,
        lifeMs: terms.expireMs,
        nullLifeMs: Math.min(terms.expireMs, NULL_LIFE_MS),
        firstWaitMs: FIRST_WAIT_MS,
        sizeOf,
        perSenderMax: REPORTED_PER_SENDER,
        toPostmasterMax: REPORTED_TO_POSTMASTER,
        inHandMax: inHandMax(terms),
        isSoftBounce: terms.isSoftBounce,
        hopsOf,
        longestWaitMs: LONGEST_WAIT_MS,
        msPerMessage: terms.messagesPerMinute === undefined ? 0 : MINUTE_MS / terms.messagesPerMinute,
      },
      () => timeline.now,
      () => timeline.events,
    );
    const { ledger } = this;
    this.#stops = new StopJudge({
      now: () => timeline.now,
      violation: (promise, text) => ledger.violation(promise, text),
    });
    const sites = new SiteBook(siteBounds(terms), (promise, text) => ledger.violation(promise, text));
    this.hops = HOPS.map(
      ({ name, address, traits }) =>
        new NextHop(name, address, traits, { timeline, dice: dice.split(), faults, ledger, sites }),
    );
    const hops = new Map(this.hops.map((hop) => [hop.address, hop]));
    this.net = new Net({
      timeline,
      dice: dice.split(),
      faults,
      trace: this.#trace,
      sites,
      hops,
      troubled: (hop) => ledger.troubled(hop),
      sourceGone: () => ledger.reasons.sourceGone(),
    });
    this.names = new Names({
      timeline,
      dice: dice.split(),
      faults,
      ledger,
      zones: ZONES,
      changed: CHANGED_ZONES,
      hosts: HOSTS,
      hopsBehind,
    });
    this.disk = new Disk(timeline, dice.split(), faults);
    this.spool = new SpoolFolder({ timeline, dice: dice.split(), faults });
    this.operator = new SimOperator({ dice: dice.split(), faults, ledger, process: () => this.service.running });
    this.service = new Service({
      machine: this.#newMachine(),
      dice: this.#dice.split(),
      faults,
      ledger,
      trace: this.#trace,
      stops: this.#stops,
      plan: planFor(terms, folder, false),
      planWithoutExtra: planFor(terms, folder, true),
    });
    this.#population = this.#newPopulation(terms);
    timeline.onFault = (error) => this.#fault(error);
  }

  /** Lives through all of it. */
  async run(): Promise<Outcome> {
    const end = this.#hours * HOUR_MS;
    this.service.start();
    this.#population.begin(end);
    const climate = new Climate(this, this.#dice.split(), end);
    climate.begin();
    await this.timeline.run(end, () => this.#isBroken());
    climate.end();
    await this.#calmDown();
    this.service.end();
    if (!this.#isBroken()) this.ledger.close(this.#recorded);
    return this.#outcome();
  }

  /** Nothing goes wrong any more: all that is under way has to end. */
  async #calmDown(): Promise<void> {
    const start = this.timeline.now;
    this.#sayClear();
    const end = start + CALM_HOURS_MAX * HOUR_MS;
    while (!this.#isBroken() && this.timeline.now < end && !this.#isQuiet()) {
      await this.timeline.run(Math.min(end, this.timeline.now + MINUTE_MS), () => this.#isBroken());
      this.ledger.judgeWaits();
    }
    if (this.#isBroken()) return;
    if (!this.#isQuiet())
      this.ledger.violation(
        "P2",
        `${this.service.running?.store.count()} deliveries have no end ${CALM_HOURS_MAX} hours after the last fault`,
      );
    await this.timeline.run(this.timeline.now + 10_000);
    if (!this.service.restart("stop"))
      this.ledger.violation("P2", "the relay is not there to be stopped when all is over");
    await this.timeline.run(this.timeline.now + 2 * STOP_MS_MAX, () => this.#isBroken());
  }

  #sayClear(): void {
    if (this.service.running === undefined) return void this.timeline.after(MINUTE_MS, () => this.#sayClear());
    const clear = async (): Promise<void> => {
      await this.service.reloadWhole();
      await this.operator.clear();
      this.ledger.calm();
    };
    void clear();
  }

  #isQuiet(): boolean {
    const { running } = this.service;
    return (
      running !== undefined && this.#population.underWay === 0 && this.spool.length === 0 && running.store.count() === 0
    );
  }

  #isBroken(): boolean {
    return this.ledger.violations.length > 0;
  }

  /** Something of that kind comes just now, as long as anything may. */
  #befall(): void {
    if (this.timeline.now >= this.#hours * HOUR_MS) return;
    const what = this.#dice.pick(["crash", "restart", "reload"] as const);
    if (what === "crash") this.service.crash(what);
    else if (what === "restart") this.service.restart(what);
    else this.service.reload();
  }

  setClock(byMs: number): void {
    this.wall.offset += byMs;
    this.faults.count(byMs > 0 ? "clock-forward" : "clock-back");
    this.ledger.jumped(byMs);
  }

  #fault(error: unknown): void {
    if (error instanceof Crash) return this.service.crash("crash");
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.ledger.violation("P2", `a thread died: ${text}`);
    return undefined;
  }

  #newPopulation({ recipientsMax, isFlooded }: Terms): Population {
    const { timeline, faults, ledger, spool } = this;
    const dice = this.#dice.split();
    const clients: ClientParts = {
      timeline,
      dice,
      faults,
      ledger,
      writer: new Writer(dice, { domains: DOMAINS }),
      listeners: LISTENERS,
      recipientsMax,
      isRunning: (process) => this.service.running !== undefined && ledger.life === process,
      befall: () => this.#befall(),
      dial: (address, port) => this.net.dial(address, port),
    };
    return new Population({
      dice: this.#dice.split(),
      clients,
      spool,
      now: () => START + timeline.now + this.wall.offset,
      isFlooded,
    });
  }

  // What the relay says of itself.

  #newMachine(): Machine {
    const { timeline, wall, disk, net, names, faults, ledger } = this;
    return {
      timeline,
      dice: this.#dice.split(),
      wall,
      disk,
      spool: this.spool,
      net,
      names,
      file: this.#file,
      recorder: { record: (event) => this.#record(event) },
      store: {
        faults,
        ledger,
        trouble: () => this.storeTrouble,
        refused: () => {
          ledger.storeRefused();
          this.#stops.storeRefused();
        },
      },
      history: (entries) => this.#keep(entries),
    };
  }

  get #file(): string {
    return path.join(this.#folder, "queue.db");
  }

  #record(event: Event): void {
    this.#trace.add(this.timeline.now, JSON.stringify(event));
    this.#listener?.(this.timeline.now, event);
    if (event.event === "session.crashed") this.ledger.violation("P7", `a session crashed: ${event.text}`);
    if ("reason" in event && (event.event === "delivery.deferred" || event.event === "delivery.rerouted"))
      this.ledger.reasons.given(event.reason);
  }

  #keep(entries: readonly HistoryEntry[]): void {
    if (this.#dice.happens(this.historyFails)) {
      this.faults.count("history-write");
      throw new Error("history: disk I/O error");
    }
    for (const { id, row, outcome, note } of entries) {
      if (outcome !== "delivered" && outcome !== "failed" && outcome !== "cancelled") continue;
      this.#recorded.add(`${id} ${row}`);
      if (outcome === "cancelled") this.ledger.cancelled(id, row, note);
    }
  }

  #outcome(): Outcome {
    const { ledger, timeline, faults } = this;
    return {
      seed: this.#seed,
      violations: ledger.violations,
      trace: this.#trace.digest,
      events: timeline.events,
      virtualHours: timeline.now / HOUR_MS,
      acknowledged: ledger.acknowledged,
      deliveries: ledger.deliveries,
      duplicatesExplained: ledger.duplicatesExplained,
      reports: ledger.reports,
      crashes: this.service.crashes,
      powerCuts: this.service.powerCuts,
      faults: faults.counts,
      reasons: ledger.reasons.met,
    };
  }
}
