import { commentWords } from "./lexer.ts";

/** What a stamp tells of TLS besides its keyword; empty where it does not. */
export interface Encryption {
  /** `TLS 1.3` */
  readonly version: string;
  readonly cipher: string;
  /** It says in words that the connection was encrypted. */
  readonly isSaid: boolean;
}

// Of which each name of a cipher suite has one, in OpenSSL's, GnuTLS's and the RFCs' spelling.
const CIPHERS = ["AES", "CHACHA20", "CAMELLIA", "3DES", "DES-CBC", "RC4", "ARIA"];

/**
 * Looks through texts of a stamp: `version=TLS1_3 cipher=X`, `using TLSv1.3 with cipher X`, `TLSv1.2:X:256`, `TLS1.3`,
 * `X encrypted`. They are the stamping server's own; what the client said must not be among them.
 */
export function encryptionIn(texts: readonly string[]): Encryption {
  let version = "";
  let cipher = "";
  let isSaid = false;
  for (const word of texts.flatMap(commentWords).flatMap(parts)) {
    if (version === "") version = versionOf(word);
    if (cipher === "" && isCipher(word)) cipher = word;
    isSaid ||= word === "encrypted" || word === "TLS";
  }
  const isGoogle = texts.some((text) => text.startsWith("Google Transport Security"));
  return { version, cipher, isSaid: isSaid || isGoogle };
}

function parts(word: string): string[] {
  const equals = word.indexOf("=");
  const value = equals === -1 ? word : word.slice(equals + 1);
  const name = equals === -1 ? "" : word.slice(0, equals).toLowerCase();
  return name === "" || name === "version" || name === "cipher" || name === "x" ? value.split(/[:/]/) : [];
}

/** `TLSv1.3`, `TLS1_3`, `TLS1.3`, `SSLv3` as `TLS 1.3`, `SSL 3`; empty for all else. */
function versionOf(word: string): string {
  const found = /^(TLS|SSL)v?([0-9])(?:[._]([0-9]))?$/i.exec(word);
  if (found === null) return "";
  const [, family = "", major = "", minor] = found;
  return `${family.toUpperCase()} ${major}${minor === undefined ? "" : `.${minor}`}`;
}

function isCipher(word: string): boolean {
  const upper = word.toUpperCase();
  return (upper.includes("-") || upper.includes("_")) && CIPHERS.some((name) => upper.includes(name));
}
