// Law: no octet below 0x20, 0x7F, C1 control or bidirectional control that came from a peer reaches a log line, a
// header, a reply, HTML or a terminal unescaped.

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;

function isHidden(code: number): boolean {
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    code === 0x061c ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x2069) ||
    code === 0xfeff ||
    (code >= 0xfff9 && code <= 0xfffb)
  );
}

/** True where the text has a character that a terminal, log reader or browser could act on or hide. */
export function hasHidden(text: string): boolean {
  return HIDDEN.test(text);
}

/**
 * The text with every control and invisible formatting character as `\xNN` or `\u{NNNN}`, cut to `charactersMax`
 * (an ellipsis marks the cut). Linear in the length kept.
 */
export function printable(text: string, charactersMax = 1024): string {
  const kept = text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
  if (!HIDDEN.test(kept)) return kept;
  let escaped = "";
  for (let i = 0; i < kept.length; i++) {
    const code = kept.charCodeAt(i);
    if (!isHidden(code)) escaped += kept[i];
    else if (code < 0x100) escaped += `\\x${code.toString(16).padStart(2, "0")}`;
    else escaped += `\\u{${code.toString(16)}}`;
  }
  return escaped;
}

/** The same, for a line of ours that quotes names of files or values: as long as they may be together. */
export function printableLine(text: string): string {
  return printable(text, LINE_MAX);
}

/** The same, of a text of several lines, none of which has another's text in it that could have a line end. */
export function printableLines(text: string): string {
  return text.split("\n").map(printableLine).join("\n");
}

const LINE_MAX = 8192;
