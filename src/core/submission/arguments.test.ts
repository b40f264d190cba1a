import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type LetterOrder, parseArguments } from "./arguments.ts";

const PLAIN: LetterOrder = {
  kind: "letter",
  config: undefined,
  readsRecipients: false,
  endsAtDot: true,
  sender: undefined,
  name: undefined,
  addresses: [],
  notify: undefined,
  ret: undefined,
  envelopeId: undefined,
};

test.each<[args: string, expected: Partial<LetterOrder>]>([
  ["a@b.test c@d.test", { addresses: ["a@b.test", "c@d.test"] }],
  ["-t -i", { readsRecipients: true, endsAtDot: false }], // PHP
  ["-ti", { readsRecipients: true, endsAtDot: false }],
  ["-t -oi -f www@b.test", { readsRecipients: true, endsAtDot: false, sender: "www@b.test" }],
  ["-i -FCronDaemon -B8BITMIME -oem root", { endsAtDot: false, name: "CronDaemon", addresses: ["root"] }], // cron
  [
    "-FCronDaemon -odi -oem -oi -t -f root",
    { readsRecipients: true, endsAtDot: false, name: "CronDaemon", sender: "root" },
  ],
  ["-oem -oi -f a@b.test -- -x@y.test", { endsAtDot: false, sender: "a@b.test", addresses: ["-x@y.test"] }], // mutt
  ["-fa@b.test -- c@d.test", { sender: "a@b.test", addresses: ["c@d.test"] }],
  ["-r a@b.test -v -n -m -U -G -Am c@d.test", { sender: "a@b.test", addresses: ["c@d.test"] }],
  [
    "-N success,DELAY -R hdrs -V id1 c@d.test",
    { notify: ["success", "delay"], ret: "hdrs", envelopeId: "id1", addresses: ["c@d.test"] },
  ],
  ["-Nnever -Rfull c@d.test", { notify: "never", ret: "full", addresses: ["c@d.test"] }],
  ["-O DeliveryMode=b -L tag -h 5 -bm c@d.test", { addresses: ["c@d.test"] }],
  ["-C /etc/w.yaml -o i c@d.test", { config: "/etc/w.yaml", endsAtDot: false, addresses: ["c@d.test"] }],
  ["-d8.1 -em c@d.test", { addresses: ["c@d.test"] }],
])("%s", (args, expected) => {
  expect(parseArguments(args.split(" "))).toEqual({ ...PLAIN, ...expected });
});

test("an empty argument is one: the null sender of -f", () => {
  expect(parseArguments(["-f", "", "a@b.test"])).toMatchObject({ sender: "", addresses: ["a@b.test"] });
});

test.each([
  ["-bp", { kind: "queue", config: undefined }],
  ["-bs -C x", { kind: "dialogue", config: "x" }],
  ["-q", { kind: "nothing" }],
  ["-q30m", { kind: "nothing" }],
])("%s", (args, expected) => {
  expect(parseArguments(args.split(" "))).toEqual(expected);
});

test.each([
  ["-bd", "unavailable", /waypost start/],
  ["-bi", "unavailable", /no aliases/],
  ["-I", "unavailable", /no aliases/],
  ["-bt", "unavailable", /no address test/],
  ["-bv a@b.test", "unavailable", /cannot be verified/],
  ["-bz", "usage", /^there is no mode -bz$/],
  ["-Z", "usage", /^there is no option -Z$/],
  ["--help", "usage", /^there is no option --help$/],
  ["a@b.test -f c@d.test", "usage", /^-f stands behind an address/],
  ["-f", "usage", /^-f needs a value: the address of the sender$/],
  ["-N always x@y.test", "usage", /^-N takes/],
  ["-N success,never x@y.test", "usage", /^-N takes/],
  ["-R body x@y.test", "usage", /^-R takes/],
])("%s is refused, and why", (args, because, why) => {
  expect(parseArguments(args.split(" "))).toEqual({ kind: "wrong", because, why: expect.stringMatching(why) });
});

test("behind -- everything is an address, and nothing hidden gets into an error", () => {
  const any = fc.array(fc.string());
  fc.assert(
    fc.property(any, (args) => {
      expect(parseArguments(["-i", "--", ...args])).toMatchObject({ kind: "letter", addresses: args });
      const order = parseArguments(args);
      if (order.kind === "wrong") expect(order.why).toMatch(/^[^\x00-\x1f\x7f-\x9f]*$/);
    }),
  );
});
