// The known ways to find an open relay. H is the relay's name, I its address, X a foreign domain.

export const H = "relay.test";
export const I = "[192.0.2.1]";
export const PROBES: readonly (readonly [row: number, from: string, to: string])[] = [
  [1, "<>", "<u@x.test>"],
  [2, "<s@x.test>", "<u@x.test>"],
  [3, `<s@${H}>`, "<u@x.test>"],
  [4, `<s@${I}>`, "<u@x.test>"],
  [5, `<s@${I}>`, `<u%x.test@${I}>`],
  [6, `<s@${I}>`, `<u%x.test@${H}>`],
  [7, `<s@${I}>`, '<"u@x.test">'],
  [8, `<s@${I}>`, '<"u%x.test">'],
  [9, `<s@${I}>`, `<u@x.test@${I}>`],
  [10, `<s@${I}>`, `<"u@x.test"@${I}>`],
  [11, `<s@${I}>`, `<u@x.test@${H}>`],
  [12, `<s@${I}>`, `<@${I}:u@x.test>`],
  [13, `<s@${I}>`, `<@${H}:u@x.test>`],
  [14, `<s@${I}>`, "<x.test!u>"],
  [15, `<s@${I}>`, `<x.test!u@${I}>`],
  [16, `<s@${I}>`, `<x.test!u@${H}>`],
  [17, `<s@${I}>`, `<"u@x.test"@${H}>`],
  [18, `<s@${I}>`, `<u%x.test%${H}@${H}>`],
  [19, `<s@${I}>`, "<u%x.test@localhost>"],
  [22, "<s@x.test>", `<@${H},@x.test:u@x.test>`],
  [23, `<@${H}:s@${H}>`, "<u@x.test>"],
];

export const LISTENERS = [
  { name: "a port without passwords", words: "" },
  { name: "a port with STARTTLS and passwords", words: "starttls auth" },
  { name: "the same once TLS stands", words: "starttls auth", isSecured: true },
  { name: "a port with TLS from the start", words: "secure auth" },
  { name: "a port that requires TLS", words: "starttls auth require_tls" },
];

/** What a prober does first. */
export const OPENINGS: readonly (readonly [name: string, ...lines: string[]])[] = [
  ["EHLO", "EHLO prober.test"],
  ["HELO", "HELO prober.test"],
  ["EHLO with the relay's own name", `EHLO ${H}`],
  ["EHLO with the relay's own address", `EHLO ${I}`],
  ["a wrong password", "EHLO prober.test", "AUTH PLAIN AGFwcDEAd3Jvbmc="],
  ["AUTH given up", "EHLO prober.test", "AUTH LOGIN", "*"],
  ["a claim by XCLIENT", "EHLO prober.test", "XCLIENT ADDR=127.0.0.1 LOGIN=app1"],
  ["a claim by XFORWARD", "EHLO prober.test", "XFORWARD ADDR=127.0.0.1"],
  ["a PROXY header", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2", "EHLO prober.test"],
  ["an abandoned transaction", "EHLO prober.test", "MAIL FROM:<>", "RSET"],
];
