/** RFC 3461 section 4: `+` and two upper-case hex digits for what is not itself. Undefined where the text is no xtext. */
export function decodeXtext(text: string): string | undefined {
  let decoded = "";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e || text[i] === "=") return undefined;
    if (text[i] !== "+") {
      decoded += text[i];
      continue;
    }
    const digits = text.slice(i + 1, i + 3);
    if (!/^[0-9A-F]{2}$/.test(digits)) return undefined;
    decoded += String.fromCharCode(Number.parseInt(digits, 16));
    i += 2;
  }
  return decoded;
}

/** RFC 3461 section 4. `text` is ASCII. */
export function encodeXtext(text: string): string {
  return text.replace(/[^!-*,-<>-~]/g, (c) => `+${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
