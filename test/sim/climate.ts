import type { Dice } from "./dice.ts";
import { SOUND } from "./disk.ts";
import { RELIABLE } from "./faulty-store.ts";
import { WELL, sickMood } from "./moods.ts";
import { QUIET } from "./net.ts";
import type { World } from "./world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Of each transaction, in bad times. */
const PROBABILITIES = {
  refused: 0.2,
  full: 0.2,
  failsAtCommit: 0.2,
  crashBefore: 0.02,
  crashAfter: 0.02,
  crashAfterSpooled: 0.5,
  crashAsUploadEnds: 0.5,
} as const;

/** What goes wrong in a world, and when: something else in each. */
export class Climate {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #end: number;
  /** How fast one thing follows the other. */
  readonly #pace: number;
  #isOver = false;

  constructor(world: World, dice: Dice, end: number) {
    this.#world = world;
    this.#dice = dice;
    this.#end = end;
    this.#pace = dice.pick([1, 1, 1, 3, 10]);
  }

  begin(): void {
    for (const hop of this.#world.hops) this.#hop(hop);
    this.#disk();
    this.#store();
    this.#net();
    this.#names();
    this.#history();
    this.#spells(0.3, HOUR, 30 * MINUTE, (isBad) => {
      this.#world.names.isChanged = isBad; // for better or worse
    });
    const world = this.#world;
    this.#now(0.6, 1.5 * HOUR, () => world.service.crash("crash"));
    this.#now(0.4, 3 * HOUR, () => world.service.crash("power-cut"));
    this.#now(0.4, 3 * HOUR, () => world.service.restart("restart"));
    this.#now(0.4, 1.5 * HOUR, () => world.service.reload());
    this.#now(0.5, 5 * MINUTE, () => world.operator.act());
    this.#now(0.4, 2 * HOUR, () => world.setClock(this.#jump()));
  }

  /** From now on all is well. */
  end(): void {
    this.#isOver = true;
    const world = this.#world;
    for (const hop of world.hops) hop.mood = WELL;
    world.disk.trouble = SOUND;
    world.storeTrouble = RELIABLE;
    world.net.trouble = QUIET;
    world.names.weather = "well";
    world.historyFails = 0;
    world.service.lookAtSpace();
  }

  /** Clocks drift a little, or somebody slips. */
  #jump(): number {
    const dice = this.#dice;
    const size = dice.happens(0.5) ? dice.magnitude(100, 10 * MINUTE) : dice.magnitude(30 * MINUTE, 24 * HOUR);
    return Math.round(dice.pick([-1, 1, 1]) * size);
  }

  #hop(hop: World["hops"][number]): void {
    this.#spells(0.8, HOUR, 30 * MINUTE, (isBad) => {
      hop.mood = isBad ? sickMood(this.#dice) : WELL;
      if (isBad) this.#world.faults.count(`hop-is-${hop.mood.name}`);
    });
  }

  #disk(): void {
    const { disk } = this.#world;
    const dice = this.#dice;
    this.#spells(0.5, 2 * HOUR, 5 * MINUTE, (isBad) => {
      const kind = isBad ? dice.pick(["low", "exhausted", "writes", "reads", "slow"] as const) : "sound";
      if (isBad) this.#world.faults.count(`disk-is-${kind}`);
      const trouble = {
        space: kind === "low" || kind === "exhausted" ? kind : "plenty",
        writeFails: kind === "writes" ? 0.4 : 0,
        readFails: kind === "reads" ? 0.4 : 0,
        slowness: kind === "slow" ? 300 : 1,
      } as const;
      disk.trouble = isBad ? trouble : SOUND;
      this.#world.service.lookAtSpace();
    });
  }

  #store(): void {
    this.#spells(0.5, HOUR, 5 * MINUTE, (isBad) => {
      const kind = this.#dice.pick([
        "refused",
        "full",
        "failsAtCommit",
        "crashBefore",
        "crashAfter",
        "crashAfterSpooled",
        "crashAsUploadEnds",
      ] as const);
      this.#world.storeTrouble = isBad ? { ...RELIABLE, [kind]: PROBABILITIES[kind] } : RELIABLE;
    });
  }

  #net(): void {
    this.#spells(0.5, HOUR, 15 * MINUTE, (isBad) => {
      const kind = this.#dice.pick(["resets", "stalls", "slow", "source"] as const);
      this.#world.net.trouble = {
        ...QUIET,
        resets: isBad && kind === "resets" ? 0.3 : 0,
        stalls: isBad && kind === "stalls" ? 0.2 : 0,
        slowness: isBad && kind === "slow" ? 4 : 1,
        isSourceGone: isBad && kind === "source",
      };
    });
  }

  #names(): void {
    this.#spells(0.6, HOUR, 20 * MINUTE, (isBad) => {
      this.#world.names.weather = isBad ? this.#dice.pick(["servfail", "slow", "mixed"] as const) : "well";
    });
  }

  #history(): void {
    this.#spells(0.2, 2 * HOUR, 10 * MINUTE, (isBad) => {
      this.#world.historyFails = isBad ? 0.5 : 0;
    });
  }

  /** Good times and bad ones, in turn; in some worlds there are only good ones. */
  #spells(probability: number, good: number, bad: number, set: (isBad: boolean) => void): void {
    if (!this.#dice.happens(probability)) return;
    const turn = (isBad: boolean): void => {
      this.#later(this.#dice.gap((isBad ? good : bad) / this.#pace), () => {
        set(isBad);
        turn(!isBad);
      });
    };
    turn(true);
  }

  /** Now and then. */
  #now(probability: number, mean: number, happen: () => void): void {
    if (!this.#dice.happens(probability)) return;
    const again = (): void => {
      this.#later(this.#dice.gap(mean / this.#pace), () => {
        happen();
        again();
      });
    };
    again();
  }

  #later(delay: number, call: () => void): void {
    const { timeline } = this.#world;
    if (timeline.now + delay >= this.#end) return;
    timeline.after(delay, () => {
      if (!this.#isOver) call();
    });
  }
}
