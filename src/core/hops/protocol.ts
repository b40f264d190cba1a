/** What the `with` clause of a stamp says of the connection. */
export interface Protocol {
  /** As written; empty where it is not said. */
  readonly text: string;
  /** Undefined where the keyword does not tell. */
  readonly isTls: boolean | undefined;
  readonly isLogin: boolean;
  /** The message did not come over a network. */
  readonly isLocal: boolean;
}

const NETWORKED = ["SMTP", "ESMTP", "LMTP", "UTF8SMTP", "UTF8LMTP"];

/** RFC 3848 and RFC 6531 section 4.3; some add the letters also to keywords that have none there. */
const KEYWORDS = new Map<string, { readonly isTls: boolean | undefined; readonly isLogin: boolean }>([
  ...NETWORKED.flatMap((base) =>
    ["", "S", "A", "SA"].map(
      (letters) => [base + letters, { isTls: letters.startsWith("S"), isLogin: letters.endsWith("A") }] as const,
    ),
  ),
  ["ASMTP", { isTls: undefined, isLogin: true }], // Exim before RFC 3848
  ["HTTP", { isTls: undefined, isLogin: false }], // a web mail's own word for its page, whatever the connection
  ["HTTPS", { isTls: true, isLogin: false }],
]);

const LOCAL = new Set(["LOCAL", "MAPI", "UUCP", "STDIO", "LOCAL-BSMTP", "LOCAL-SMTP", "LOCAL-ESMTP", "BSMTP"]);

/** `words` are those of the clause: `ESMTPSA`, `Microsoft SMTP Server`, `ESMTP/TLS/ECDHE-...`, `AES256-SHA encrypted SMTP`. */
export function protocolOf(words: readonly string[]): Protocol {
  const pieces = words.flatMap((word) => word.toUpperCase().split("/"));
  const known = pieces.map((piece) => KEYWORDS.get(piece)).find((facts) => facts !== undefined);
  const saysTls = pieces.some((piece) => piece === "TLS" || piece === "ENCRYPTED");
  // Microsoft's has the words of a product where the keyword belongs: they say nothing of TLS, its comment does.
  const isProduct = pieces[0] === "MICROSOFT";
  return {
    text: words.join(" "),
    isTls: saysTls ? true : isProduct ? undefined : known?.isTls,
    isLogin: known?.isLogin === true,
    isLocal: pieces.some((piece) => LOCAL.has(piece)),
  };
}
