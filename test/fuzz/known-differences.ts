// Where Waypost answers a command otherwise than Postfix does, and why it does. The first row that holds counts.

/** One command, and what both said. A code of 0 stands for a connection that was closed without a word, -100 for silence. */
export interface Exchange {
  /** As it was sent, without its last line end. */
  readonly command: string;
  /** It was sent with others in one piece, or with the octets of its chunk. */
  readonly isPipelined: boolean;
  readonly waypost: number;
  readonly postfix: number;
  readonly waypostText: string;
  readonly postfixText: string;
}

/** An exchange in which the classes differ. */
export interface Difference extends Exchange {
  readonly verb: string;
  /** What the client was greeted as: `EHLO`, `HELO`, or nothing yet. */
  readonly hello: string;
  readonly before: readonly Exchange[];
}

export interface KnownDifference {
  readonly name: string;
  readonly reason: string;
  readonly holds: (difference: Difference) => boolean;
}

/** Nobody has a reason to refuse its address, whatever the words. */
const PLAIN = /^(?:MAIL FROM|RCPT TO):<[a-z0-9]{1,60}@(?:[a-z0-9]{1,60}\.){1,3}(?:test|com|net|org)>\r?$/i;

/** Waypost refuses with these words what Postfix takes; `isOfPlain`: also an address that is like any other. */
function stricter(
  name: string,
  words: RegExp,
  reason: string,
  isOfPlain: (difference: Difference) => boolean = () => false,
): KnownDifference {
  return {
    name,
    reason,
    holds: (difference) => {
      const { command, waypost, waypostText, postfix } = difference;
      const isRefusedHere = waypost >= 500 && postfix >= 200 && postfix < 400;
      return isRefusedHere && words.test(waypostText) && (!PLAIN.test(command) || isOfPlain(difference));
    },
  };
}

/** Postfix refuses with these words what Waypost takes. */
function laxer(name: string, words: RegExp, reason: string): KnownDifference {
  return {
    name,
    reason,
    holds: ({ waypost, postfix, postfixText }) =>
      waypost >= 200 && waypost < 400 && postfix >= 500 && words.test(postfixText),
  };
}

const ADDRESSES: readonly KnownDifference[] = [
  stricter(
    "no-domain",
    /^501 5\.1\.[37] Bad (?:sender|recipient): no @ in the address/,
    "an address without a domain is somebody else at each next hop; `append_domain` gives it one where that is wanted",
  ),
  stricter(
    "local-part",
    /^501 5\.1\.[37] Bad (?:sender|recipient): (?:the|a) (?:quoted )?local part/,
    "a local part is dots and atoms or one quoted string (RFC 5321 section 4.1.2); Postfix takes what RFC 822 had",
  ),
  stricter(
    "domain",
    /^501 5\.1\.[37] Bad (?:sender|recipient): the domain is not valid/,
    "a domain has letters, digits and hyphens, labels of 63 octets, and is no number; Postfix leaves that to its restrictions",
  ),
  stricter(
    "hidden-characters",
    /^501 5\.1\.[37] Bad (?:sender|recipient): the address has control or invisible/,
    "what nobody can see in an address stands in no log and goes to no next hop",
  ),
  stricter(
    "localhost",
    /^501 5\.1\.3 Bad recipient: localhost is no domain/,
    "to a next hop localhost is the next hop (RFC 6761 section 6.3)",
  ),
  stricter(
    "address-literal",
    /^550 5\.1\.2 Address literals are not routed/,
    "mail to an address in brackets goes by `delivery.address_literals` alone",
  ),
  stricter(
    "brackets",
    /^501 5\.5\.4 (?:Bad (?:sender|recipient): (?:nothing may touch|the closing bracket|the address has to stand)|Say (?:MAIL|RCPT))/,
    "an address stands between one pair of brackets, with nothing at them; Postfix takes the innermost",
  ),
];

const PARAMETERS: readonly KnownDifference[] = [
  stricter(
    "parameter-twice",
    /^501 5\.5\.4 [A-Z0-9]+ given twice/,
    "of a parameter that is there twice nobody knows which counts",
  ),
  stricter(
    "envid",
    /^501 5\.5\.4 ENVID takes/,
    "an ENVID that is no xtext cannot go on to a next hop (RFC 3461 section 4.4)",
  ),
  stricter(
    "orcpt",
    /^501 5\.5\.4 ORCPT takes/,
    "an ORCPT that is no xtext cannot go on to a next hop (RFC 3461 section 4.2)",
  ),
  stricter("notify", /^501 5\.5\.4 NOTIFY takes/, "NOTIFY has a list of its own words (RFC 3461 section 4.1)"),
  stricter("auth-parameter", /^501 5\.5\.4 AUTH takes/, "AUTH at MAIL has a mailbox or <> (RFC 4954 section 5)"),
  {
    name: "size-of-another-mail",
    reason: "Postfix keeps the size that a refused MAIL declared, and refuses the next one for it",
    holds: ({ verb, waypost, postfix, before }) =>
      verb === "MAIL" &&
      waypost === 250 &&
      postfix === 552 &&
      before.some(({ command }) => / SIZE=9{6,}/.test(command)),
  },
];

const CONTENT: readonly KnownDifference[] = [
  stricter(
    "nul",
    /^554 5\.6\.0 NUL in the message/,
    "a NUL ends the text for some software and not for other (RFC 5321 section 2.3.8)",
  ),
  stricter(
    "bare-newline",
    /^550 5\.5\.2 CR or LF alone/,
    "a CR alone is refused as an LF alone is: each is a line end to somebody; Postfix of this version knows the LF alone",
  ),
  stricter(
    "long-line",
    /^554 5\.6\.0 A line of more than 998/,
    "a line of 999 octets goes nowhere without being changed; Postfix cuts it",
  ),
  laxer(
    "bare-newline-in-a-chunk",
    /^(?:550|521) 5\.5\.2 .*bare <LF>/,
    "what is wrong with content is told when all of it is there, and refuses the message; Postfix tells at the chunk",
  ),
];

const COMMANDS: readonly KnownDifference[] = [
  {
    name: "closed-by-postfix",
    reason:
      "Postfix closes the connection behind a bare newline, or what was pipelined before it was offered; Waypost refuses and goes on",
    holds: ({ postfix, before }) =>
      postfix === 0 &&
      before.some(({ postfixText }) => /synchronization|bare <LF>|I can break rules/.test(postfixText)),
  },
  {
    name: "chunk-out-of-order",
    reason:
      "the octets of a chunk that comes out of order are read and refused; Postfix takes them for pipelined without leave",
    holds: ({ verb, waypost, postfix }) => verb === "BDAT" && waypost === 503 && postfix === 0,
  },
  {
    name: "closed-by-waypost",
    reason:
      "who pipelines behind HELO, where nobody offered it, is let go (RFC 2920 section 3.1); Postfix refuses the chunk alone",
    holds: ({ waypost, before }) =>
      waypost === 0 && before.some((one) => one.waypostText.startsWith("554 5.5.0 Nothing may")),
  },
  stricter(
    "line-end",
    /^500 5\.5\.2 A command ends with CR LF/,
    "a command that ends otherwise, or has CR or NUL in it, is two commands to somebody",
  ),
  stricter(
    "long-command",
    /^500 5\.5\.2 Line too long/,
    "a command line has a bound of 2,048 octets; Postfix reads on to its end",
  ),
  {
    name: "blanks-before-the-verb",
    reason: "a line begins with its verb (RFC 5321 section 4.1.1); Postfix passes over what is before it",
    holds: ({ command, waypost, postfix }) => /^[ \t]/.test(command) && waypost === 500 && postfix < 400,
  },
  {
    name: "no-mail-client",
    reason:
      "both end the session of a browser, or of what begins with no letter; Postfix says so with a 221, and Waypost goes on where it is no known verb",
    holds: ({ waypost, postfix, postfixText }) => waypost >= 500 && postfix === 221 && /break rules/.test(postfixText),
  },
  {
    name: "help",
    reason: "a server should have HELP (RFC 5321 section 4.1.1.8)",
    holds: ({ verb, waypost, postfix }) => verb === "HELP" && waypost === 214 && postfix >= 500,
  },
  {
    name: "vrfy",
    reason: "VRFY tells nothing, whatever it is asked; Postfix looks at the address",
    holds: ({ verb, waypost, postfix }) => verb === "VRFY" && waypost === 252 && postfix >= 400,
  },
  {
    name: "etrn",
    reason: "there is no ETRN; Postfix has it, and finds nothing to do for the domain",
    holds: ({ verb, waypost, postfix }) => verb === "ETRN" && waypost === 500 && postfix === 459,
  },
  stricter(
    "hello-name",
    /^501 5\.5\.4 (?:EHLO|HELO) takes/,
    "a client's name stands in trace fields: a host name or an address in brackets; Postfix leaves that to its restrictions",
  ),
  stricter(
    "pipelined-without-an-offer",
    /^554 5\.5\.0 Nothing may follow/,
    "behind HELO nobody offered PIPELINING; Postfix notices only what it has read by then",
    ({ hello, isPipelined }) => hello === "HELO" && isPipelined,
  ),
];

const CHUNKS: readonly KnownDifference[] = [
  laxer(
    "mail-after-a-refused-chunk",
    /^503 5\.5\.1 Error: (?:MAIL after BDAT|nested MAIL)/,
    "a chunk that is refused ends its transaction, and the next MAIL begins another one; Postfix waits for RSET",
  ),
  laxer(
    "after-an-empty-chunk",
    /^551 5\.0\.0 Discarded|^503 5\.5\.1 Error: RCPT after BDAT/,
    "a chunk of no octets that is not the last is refused alone: no octet of the message is missing; Postfix refuses the rest too",
  ),
];

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  ...COMMANDS,
  ...ADDRESSES,
  ...PARAMETERS,
  ...CONTENT,
  ...CHUNKS,
];
