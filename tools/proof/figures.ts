import { WRONGS } from "../../test/crash/wrongs.ts";
import type { Figure } from "./showing.ts";

// The figures of docs/proof.md: what each promises, which suites show it, and what its target is.

/** Repeats are a figure of their own where kills are counted (4); everywhere else they belong here. */
const NOTHING_LOST = [...WRONGS.filter((wrong) => wrong !== "unexplained"), "leftInQueue", "leftFiles"];
const NOTHING_WRONG = [...WRONGS, "leftInQueue", "leftFiles"];

/** What has to be typed for a whole run of each suite: a figure is of one of these, or of more. */
export const COMMANDS: Readonly<Record<string, string>> = {
  crash: "npm run crash -- --rounds 300 --acknowledged 300000 --record",
  "crash-mx": "npm run crash -- --rounds 20 --mx --record",
  "power-cuts": "npm run power-cuts -- --cuts 100 --migrations 20 --record",
  "crash-points": "npm run crash-points -- --record",
  "full-disk": "npm run full-disk -- --rounds 20 --record",
  smuggling: "npm run attacks -- --record",
  chunks: "npm run attacks -- --record",
  "open-relay": "npm run attacks -- --record",
  "open-relay-sockets": "npm run attacks -- --record",
  "next-hops": "npm run attacks -- --record",
  races: "npm run attacks -- --record",
  laws: "npm run attacks -- --record",
  "hop-laws": "npm run attacks -- --record",
  linear: "npm run attacks -- --record",
  starttls: "npm run attacks -- --record",
  "tls-peers": "npm run attacks -- --record",
  isolation: "npm run scheduling -- --record",
  fuzz: "npm run fuzz -- all --inputs 300000 --seconds 3600 --coverage --record",
  "fuzz-planted": "npm run fuzz -- planted --seconds 600 --record",
  differential: "npm run fuzz -- differential --dialogues 10000 --record",
  "idle-sessions": "npm run idle-sessions -- --plain 10000 --tls 2000 --record",
  flood: "npm run flood -- --per-second 2000 --seconds 60 --slow 5000 --record",
  turns: "npm run turns -- --seconds 30 --record",
  "slow-readers": "npm run slow-readers -- --readers 1000 --seconds 20 --record",
  uploads: "npm run uploads -- --count 100 --endless 1024 --record",
  backlog: "npm run backlog -- --messages 1000000 --lanes 100000 --smtp 100000 --fresh 5000 --folder /var/tmp --record",
  "backlog-small":
    "npm run backlog -- --messages 100000 --lanes 10000 --smtp 10000 --fresh 5000 --folder /var/tmp --record",
  planted: "npm run planted -- --record",
  sim: "npm run sim -- --seeds 1000 --twice 100 --record",
  "sim-planted": "npm run sim -- --patch all --seeds 40 --record",
};

/** The numbers are those of the goals; a figure keeps its own, whatever its place in this list. */
export const FIGURES: readonly Figure[] = [
  {
    number: 1,
    name: "acknowledged messages lost under kill -9",
    showings: [
      {
        suite: "crash",
        value: "{lost} of {acknowledged} messages in {rounds} rounds with {kills} kills",
        target: "0 in {rounds} rounds and {acknowledged} acknowledged",
        zero: NOTHING_LOST,
        atLeast: { rounds: 300, acknowledged: 300_000 },
      },
      {
        suite: "crash",
        value: "control: {plantedFound} of {planted} planted bugs found in the same run",
        target: "all of {planted} or more",
        equal: [["planted", "plantedFound"]],
        atLeast: { planted: 5 },
      },
      {
        suite: "crash",
        value:
          "{killsDuringStart} during the start, {killsDuringReload} during a reload, {killsDuringStop} during a stop, {killsTwice} twice in two starts; one thread's end {threadEnds}, stopped and continued {freezes}",
        target: "each of them {killsTwice} times at least, a frozen relay once",
        atLeast: {
          killsDuringStart: 10,
          killsDuringReload: 10,
          killsDuringStop: 10,
          killsTwice: 10,
          threadEnds: 10,
          freezes: 1,
        },
      },
      {
        suite: "crash-mx",
        value:
          "by MX, to the servers of many domains: {lost} of {acknowledged} messages in {rounds} rounds with {kills} kills; {failedByDns} failed by the DNS, {expired} by their age",
        target: "0 in {rounds} rounds with {kills} kills and {acknowledged} acknowledged, and each kind of failure",
        zero: NOTHING_WRONG,
        atLeast: { rounds: 20, kills: 15, acknowledged: 5000, failedByDns: 1, expired: 1 },
      },
      {
        suite: "crash-mx",
        value:
          "control: {plantedFound} of {planted} planted bugs found in the same run, by MX; two of them let mail fail without a reason",
        target: "all of {planted} or more",
        equal: [["planted", "plantedFound"]],
        atLeast: { planted: 7 },
      },
    ],
  },
  {
    number: 2,
    name: "lost after a power cut",
    showings: [
      {
        suite: "power-cuts",
        value: "{lost} of {acknowledged} messages in {cuts} cuts",
        target: "0 in {cuts} cuts and {acknowledged} acknowledged, and of {migrationMessages} in migrations",
        zero: [...NOTHING_LOST, "migrationLost", "migrationLeft", "migrationUnexplained", "migrationAltered"],
        atLeast: { cuts: 100, acknowledged: 10_000, migrationMessages: 100 },
      },
      {
        suite: "power-cuts",
        value:
          "{cutsInCheckpoint} in a checkpoint, {cutsWithBacklog} with a backlog, {cutsAtStart} at the start, {cutsInStop} in a stop; {migrationLost} of {migrationMessages} messages where an old store is brought up to date, with {cutsBeforeMigration} cuts before, {cutsAmidMigration} in the middle and {cutsAfterMigration} after",
        target: "each of them {cutsInStop} times at least, a migration in its middle {cutsAmidMigration} times",
        atLeast: {
          cutsInCheckpoint: 10,
          cutsWithBacklog: 10,
          cutsAtStart: 10,
          cutsInStop: 10,
          cutsAmidMigration: 10,
        },
      },
      {
        suite: "power-cuts",
        value:
          "controls: {noSyncLost} without a sync, {normalLost} with a sync at checkpoints only, {contentLost} with content unsynced, {tailLost} with the log's end gone, {migrationInTwoLost} by a migration whose step is two commits",
        target: "each loses mail",
        reaches: { noSyncLost: 1, normalLost: 1, contentLost: 1, tailLost: 1, migrationInTwoLost: 1 },
      },
    ],
  },
  {
    number: 3,
    name: "crash points, system calls that fail",
    showings: [
      {
        suite: "crash-points",
        value:
          "{violations} violations; {points} calls that change the disk, killed at {killsMet}, {errorsMet} that failed (EIO, ENOSPC, EMFILE), {delaysMet} syncs that took their time; {unmet} more the relay did not come to ({unmetPercent} %)",
        target:
          "0 violations, each of {points} calls or more, with {killsMet} killed, {errorsMet} failing and {delaysMet} late; what the relay does not come to is {unmetPercent} % of them at most",
        zero: ["violations"],
        atLeast: { points: 280, killsMet: 270, errorsMet: 450, delaysMet: 30 },
        atMost: { unmetPercent: 5 },
      },
      {
        suite: "crash-points",
        value:
          "controls: {controlViolations} violations of a relay that says 250 before it commits, {syncControlViolations} of one that takes a sync that failed for one that did not",
        target: "at least {controlViolations} of each",
        reaches: { controlViolations: 1, syncControlViolations: 1 },
      },
    ],
  },
  {
    number: 20,
    name: "full disk",
    showings: [
      {
        suite: "full-disk",
        value:
          "{lost} of {acknowledged} messages lost in {rounds} rounds, {kills} of them with a kill, and {unexplained} recipients repeated without an excuse (answered at most {oldestRepeatWorkMs} ms of work before a kill); {putOff} put off with 452, {refused} refused; accepting again at most {recoveryMs} ms after there was room",
        target:
          "0 lost, repeated without an excuse or refused in {rounds} rounds with {kills} kill, {acknowledged} acknowledged and {putOff} put off; {recoveryMs} ms",
        zero: [...NOTHING_WRONG, "refused", "notRecovered"],
        atLeast: { rounds: 20, acknowledged: 1000, putOff: 1000, kills: 1 },
        atMost: { recoveryMs: 10_000 },
      },
      {
        suite: "full-disk",
        value: "control: {controlLost} recipients lost by a relay that takes a full disk for a written one",
        target: "at least {controlLost}",
        reaches: { controlLost: 1 },
      },
    ],
  },
  {
    number: 4,
    name: "duplicates",
    showings: [
      {
        suite: "crash",
        value:
          "{repeatedPerKillOfAll} transactions repeated a kill of everything; {unexplained} recipients unexplained; from the answer to its record p50 {recordP50Ms} ms, p99 {recordP99Ms} ms, at most {oldestRepeatWorkMs} ms of work before a kill",
        target:
          "at most {repeatedPerKillOfAll} on average in {killsOfAll} kills, each explained by a delivery in flight",
        zero: ["unexplained"],
        atLeast: { killsOfAll: 50 },
        atMost: { repeatedPerKillOfAll: 2 },
      },
      {
        suite: "crash",
        value:
          "{repeatedPerKillOfRelay} transactions repeated where only the relay is killed: what the next hop takes after that, it says to nobody",
        target:
          "at most {repeatedPerKillOfRelay} on average in {killsOfRelay} kills, each explained by a delivery in flight, with {recordsSeen} records looked at",
        zero: ["unexplained"],
        atLeast: { killsOfRelay: 50, recordsSeen: 100 },
        atMost: { repeatedPerKillOfRelay: 2 },
        short: {
          why: "all that has got its final dot by then is taken, of 20 transactions that are under way; nothing that a relay records beforehand could tell which",
          atMost: { repeatedPerKillOfRelay: 10 },
        },
      },
      {
        suite: "power-cuts",
        value:
          "{repeatedPerKillOfAll} transactions repeated a cut; {unexplained} recipients unexplained; from the answer to its record p50 {recordP50Ms} ms, p99 {recordP99Ms} ms",
        target:
          "at most {repeatedPerKillOfAll} on average in {killsOfAll} cuts, each explained by a delivery in flight",
        zero: ["unexplained"],
        atLeast: { killsOfAll: 50 },
        atMost: { repeatedPerKillOfAll: 3 },
        short: {
          why: "a kill leaves what is written, and a cut what is synced alone: what 20 deliveries at once have answered while a sync of the disk image is under way is sent again",
          atMost: { repeatedPerKillOfAll: 6.78 }, // Postfix 3.7, measured alike
        },
      },
    ],
  },
  {
    number: 5,
    name: "smuggling",
    showings: [
      {
        suite: "smuggling",
        value:
          "{placed} strings (each of the 97,655 of up to 7 of CR LF . x NUL, at 3 places), whole and octet by octet, in both modes, in and out again with nothing changed: {failed} tests failed; {accepted} are mail, {refused} refused; control: {plantedFound} careless decoders and encoders found",
        target: "each of them at each place: {placed}; {plantedFound} found",
        zero: ["failed"],
        atLeast: { placed: 3 * 97_655 },
        reaches: { plantedFound: 4 },
      },
    ],
  },
  {
    number: 6,
    name: "chunk invariance",
    showings: [
      {
        suite: "chunks",
        value: "{transcripts} transcripts, {cutsInTwo} cuts in two, {plays} plays in all: {failed} tests failed",
        target: "every transcript ({transcripts} at least), every two-way split ({cutsInTwo}), {plays} plays",
        zero: ["failed"],
        atLeast: { transcripts: 100, cutsInTwo: 10_000, plays: 10_000 },
      },
    ],
  },
  {
    number: 7,
    name: "open relay",
    showings: [
      {
        suite: "open-relay",
        value: "{relayed} of {probes} probes relayed by the machine",
        target: "0 of {probes} at least",
        zero: ["relayed", "failed"],
        atLeast: { probes: 1000 },
      },
      {
        suite: "open-relay-sockets",
        value:
          "{relayed} of {probes} probes relayed by a running relay, on {listeners} listeners; {permitted} permitted messages in the same run",
        target: "0 of {probes} on {listeners} listeners at least, and each relays what is permitted",
        zero: ["relayed", "failed"],
        atLeast: { probes: 500, listeners: 2 },
        equal: [["listeners", "permitted"]],
      },
    ],
  },
  {
    number: 21,
    name: "standing laws on every row",
    showings: [
      {
        suite: "laws",
        value:
          "{rows} rows of the catalogue, {sessions} sessions, {cuts} cuts, {resets} resets: {failed} tests failed; control: {plantedFound} careless machines found",
        target: "0 in {rows} rows with {sessions} sessions, {cuts} cuts and {resets} resets; {plantedFound} found",
        zero: ["failed"],
        atLeast: { rows: 130, sessions: 1000, cuts: 100_000, resets: 5000 },
        reaches: { plantedFound: 11 },
      },
      {
        suite: "hop-laws",
        value:
          "{rows} rows x cells of broken next hops, {cuts} cuts: {failed} tests failed; control: {plantedFound} careless client found",
        target: "0 in {rows} rows x cells with {cuts} cuts; {plantedFound} found",
        zero: ["failed"],
        atLeast: { rows: 1000, cuts: 15_000 },
        reaches: { plantedFound: 1 },
      },
      {
        suite: "linear",
        value:
          "{families} families of input take no more than 2.5 times the time for twice the octets: {failed} tests failed; control: {plantedFound} that takes four times found",
        target: "0 of {families}; {plantedFound} found",
        zero: ["failed"],
        atLeast: { families: 60 },
        reaches: { plantedFound: 1 },
      },
    ],
  },
  {
    number: 10,
    name: "broken next hops",
    showings: [
      {
        suite: "next-hops",
        value:
          "{wrongSuccesses} wrong successes and {wrongReports} wrong bounces in {rows} rows x cells with {recipients} recipients; {plantedFound} planted bugs found",
        target: "0 in {rows} rows x cells, each of {cells} cells, and {plantedFound} bugs found",
        zero: ["wrongSuccesses", "wrongReports", "failed"],
        atLeast: { rows: 2000, cells: 8 },
        reaches: { plantedFound: 2 },
      },
    ],
  },
  {
    number: 8,
    name: "crashes and hangs under fuzz",
    showings: [
      {
        suite: "fuzz",
        value:
          "{crashes} crashes, {hangs} hangs over 1 s, {violations} violations in {inputs} inputs for {targets} targets, {inputsLeast} for one at least ({arrived} deliveries of a relay that runs looked at); {statesReached} of {statesAll} session states reached; lines of a parser reached by fuzz alone: {coverageMinPercent} % at least",
        target:
          "0 in {inputs} for {targets} targets and {inputsLeast} for each, {arrived} deliveries looked at, every state, {coverageMinPercent} %",
        zero: ["crashes", "hangs", "violations"],
        atLeast: { inputs: 10_000_000, targets: 47, inputsLeast: 3000, arrived: 1000 },
        reaches: { coverageMinPercent: 95 },
        equal: [["statesReached", "statesAll"]],
      },
      {
        suite: "fuzz-planted",
        value: "{plantedFound} of {planted} planted off-by-ones found, the slowest after {plantedSlowestS} s of work",
        target: "each of {planted} or more within {plantedSlowestS} s",
        atLeast: { planted: 45 },
        atMost: { plantedSlowestS: 600 },
        equal: [["planted", "plantedFound"]],
      },
      {
        suite: "differential",
        value:
          "{differences} replies in {dialogues} dialogues of {commands} commands are of another class than Postfix's; {differencesUnexplained} of them without a reason in the table",
        target: "0 without a reason in {dialogues} dialogues of {commands} commands",
        zero: ["differencesUnexplained"],
        atLeast: { dialogues: 10_000, commands: 50_000 },
      },
    ],
  },
  {
    number: 9,
    name: "TLS injection and downgrade, server side",
    showings: [
      {
        suite: "races",
        value:
          "{answered} of {races} injections, passwords and messages in clear answered or permitted, {accepted} accepted, at every delay from 0 to 50 ms; undisturbed in the same run: {undisturbed}",
        target: "0 of {races} at least",
        zero: ["accepted", "answered", "failed"],
        atLeast: { races: 300 },
        reaches: { undisturbed: 1 },
      },
      {
        suite: "starttls",
        value: "what goes before and beside a handshake, and back to clear: {failed} of {tests} tests failed",
        target: "0 of {tests}",
        zero: ["failed"],
        atLeast: { tests: 7 },
      },
      {
        suite: "tls-peers",
        value:
          "renegotiation, key updates, early data, tickets of another listener, old versions: {failed} of {tests} tests failed",
        target: "0 of {tests}",
        zero: ["failed"],
        atLeast: { tests: 5 },
      },
    ],
  },
  {
    number: 11,
    name: "idle sessions",
    showings: [
      {
        suite: "idle-sessions",
        value:
          "{idleMiB} MiB with {plain} plain and {tls} TLS sessions ({emptyMiB} MiB without), a new one greeted within {greetedP99Ms} ms (p99)",
        target: "{idleMiB} MiB with {plain} plain and {tls} TLS sessions, {greetedP99Ms} ms",
        zero: ["dead"],
        atLeast: { plain: 10_000, tls: 2000 },
        atMost: { idleMiB: 250, greetedP99Ms: 100 },
        short: {
          why: "Node's own share is 230 MiB: 42 for a process, 13.5 for each of its four other threads, 3.5 KiB for a plain session and 51 KiB for one with TLS",
          atMost: { idleMiB: 360 },
        },
      },
      {
        suite: "idle-sessions",
        value:
          "{goneMiB} MiB at most when all of them go at once; {silentMiB} MiB with {silent} clients that connect for TLS, say nothing and go, three times",
        target: "{goneMiB} MiB, {silentMiB} MiB with {silent}",
        atLeast: { silent: 5000 },
        atMost: { goneMiB: 400, silentMiB: 400 },
      },
    ],
  },
  {
    number: 13,
    name: "isolation",
    showings: [
      {
        suite: "isolation",
        value:
          "healthy mail p95 {besideP95Ms} ms (from its client to the next hop) beside {blackHoles} domains that are gone, {hangingConnections} connections to them that hang, and a tarpit ({aloneP95Ms} ms alone), {sharePercent} % of its throughput alone",
        target: "{besideP95Ms} ms, {sharePercent} %, beside {blackHoles} domains with {hangingConnections} connections",
        zero: ["failed"],
        atLeast: { blackHoles: 1000, hangingConnections: 5 },
        reaches: { sharePercent: 90 },
        atMost: { besideP95Ms: 2000 },
      },
      {
        suite: "slow-readers",
        value:
          "{acknowledged} of {tried} messages acknowledged (p99 {p99Ms} ms) beside {readers} clients that ask without an end and read no answer, of which {held} are held up and {dropped} let go; {eachKiB} KiB each",
        target:
          "all of {tried} or more, within {p99Ms} ms (p99), {eachKiB} KiB each, beside {readers} clients, with {takenKiB} KiB of commands taken of one",
        atLeast: { readers: 1000, tried: 100, held: 1, takenKiB: 256 },
        atMost: { p99Ms: 2000, eachKiB: 1024 },
        equal: [["tried", "acknowledged"]],
      },
    ],
  },
  {
    number: 12,
    name: "memory",
    showings: [
      {
        suite: "backlog",
        value: "{fullMiB} MiB with {messages} queued, {emptyMiB} MiB with none",
        target: "{fullMiB} MiB with {messages}",
        atLeast: { messages: 1_000_000 },
        atMost: { fullMiB: 300 },
      },
      {
        suite: "uploads",
        value: "{mostMiB} MiB with {uploads} uploads of {mebibytesEach} MiB at once ({emptyMiB} MiB before)",
        target: "{mostMiB} MiB with {uploads}, all acknowledged",
        atLeast: { uploads: 100 },
        atMost: { mostMiB: 300 },
        equal: [["uploads", "acknowledged"]],
      },
      {
        suite: "uploads",
        value:
          "of {endlessMiB} MiB without an end the relay takes {commandLineTakenMiB} MiB of a command line, {contentLineTakenMiB} of a line of content, {headerTakenMiB} of a header and {replyTakenMiB} of a reply (with what the system has in hand), and hangs up; memory grows by {commandLineGrowthMiB}, {contentLineGrowthMiB}, {headerGrowthMiB} and {replyGrowthMiB} MiB",
        target: "{headerGrowthMiB} MiB more by {endlessMiB} MiB of each",
        atLeast: {
          endlessMiB: 1024,
          commandLineTakenMiB: 1,
          contentLineTakenMiB: 1,
          headerTakenMiB: 1,
          replyTakenMiB: 1,
        },
        atMost: { commandLineGrowthMiB: 1, contentLineGrowthMiB: 1, headerGrowthMiB: 1, replyGrowthMiB: 1 },
      },
    ],
  },
  {
    number: 14,
    name: "event loop",
    showings: [
      {
        suite: "turns",
        value:
          "longest turn {mailCpuMs} ms (mail) and {queueCpuMs} ms (queue) of processor time in {messages} messages; timers late by {mailLateP999Ms} and {queueLateP999Ms} ms (p99.9), at most {mailLatestMs} and {queueLatestMs} ms, those of an idle thread by {idleLateP999Ms} ms, at most {idleLatestMs} ms",
        target: "{mailCpuMs} ms of processor time, {mailLateP999Ms} ms late (p99.9), in {messages} messages",
        atLeast: { messages: 10_000 },
        atMost: { mailCpuMs: 20, queueCpuMs: 20, mailLateP999Ms: 20, queueLateP999Ms: 20 },
      },
    ],
  },
  {
    number: 15,
    name: "recovery",
    showings: [
      {
        suite: "backlog",
        value: "listening after {startMs} ms with {messages} queued",
        target: "{startMs} ms with {messages}",
        atLeast: { messages: 1_000_000 },
        atMost: { startMs: 5000 },
      },
      {
        suite: "backlog-small",
        value: "listening after {startMs} ms with {messages} queued",
        target: "{startMs} ms with {messages}",
        atLeast: { messages: 100_000 },
        atMost: { startMs: 1000 },
      },
    ],
  },
  {
    number: 17,
    name: "flood",
    showings: [
      {
        suite: "flood",
        value:
          "{successPercent} % of {tried} messages of clients with a password acknowledged beside {established} connects in {seconds} s and {slow} slow clients",
        target:
          "{successPercent} % of {tried} messages or more beside {established} connects in {seconds} s and {slow} slow clients",
        atLeast: { seconds: 60, established: 119_000, slow: 5000, tried: 1000 },
        reaches: { successPercent: 99 },
      },
    ],
  },
  {
    number: 18,
    name: "planted bugs caught",
    showings: [
      {
        suite: "planted",
        value: "{caught} of {bugs}; by two suites or more {caughtTwice}, by the simulation {caughtBySimulation}",
        target: "all of {bugs} or more, each by two of {suites} suites, the simulation {caughtBySimulation}",
        atLeast: { bugs: 12, suites: 11 },
        reaches: { caughtBySimulation: 8 },
        equal: [
          ["bugs", "caught"],
          ["bugs", "caughtTwice"],
        ],
      },
      {
        suite: "planted",
        value: "{blindCaught} of {blind} bugs of somebody who had seen no test",
        target: "as many as can be of {blind}",
        atLeast: { blind: 3 },
        equal: [["blind", "blindCaught"]],
      },
      {
        suite: "sim-planted",
        value: "the simulation alone: {found} of {planted} planted bugs",
        target: "all of {planted} or more",
        atLeast: { planted: 20 },
        equal: [["found", "planted"]],
      },
    ],
  },
  {
    number: 19,
    name: "simulation",
    showings: [
      {
        suite: "sim",
        value:
          "{violations} violations in {seeds} worlds, {virtualHours} virtual hours ({virtualHoursPerSecond} a second), {deliveries} deliveries, {crashes} crashes, {powerCuts} power cuts; {reasonsReached} of {reasonsAll} reasons reached; the same seed, the same trace in {twice} worlds that ran twice: {sameTrace}",
        target:
          "0 in {seeds} worlds of {virtualHours} hours, {deliveries} deliveries, {crashes} crashes and {powerCuts} power cuts, each reason, {twice} twice",
        zero: ["violations"],
        atLeast: { seeds: 1000, virtualHours: 5000, deliveries: 100_000, crashes: 1000, powerCuts: 500, twice: 100 },
        reaches: { sameTrace: 1 },
        equal: [["reasonsReached", "reasonsAll"]],
      },
    ],
  },
];
