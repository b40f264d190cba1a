import { octetText } from "../base/bytes.ts";

/** What the header of a message or of one of its parts says about its body (RFC 2045). */
export interface Entity {
  readonly kind: "leaf" | "multipart" | "message";
  /** `text/plain`, lower case. */
  readonly type: string;
  /** Of a multipart. */
  readonly boundary: string;
  /** `7bit`, `8bit`, `binary`, `quoted-printable`, `base64`; lower case, as it stands there. */
  readonly encoding: string;
  /** Its type or its encoding stands there twice, and not the same: each reader may believe another one. */
  readonly isAmbiguous: boolean;
}

const TYPE = /^\s*([!#$%&'*+\-.^_`|~0-9a-z]+\/[!#$%&'*+\-.^_`|~0-9a-z]+)/;
const BOUNDARY = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i;
const BOUNDARY_MAX = 70; // RFC 2046 section 5.1.1

/** The values of the fields of that name, unfolded. */
function fieldsOf(header: string, name: string): string[] {
  const found: string[] = [];
  for (const match of header.matchAll(/^([!-9;-~]+)[ \t]*:((?:.*\r\n[ \t])*.*)\r\n/gm))
    if (match[1]!.toLowerCase() === name) found.push(match[2]!.replaceAll("\r\n", "").trim());
  return found;
}

function encodingOf(field: string): string {
  return withoutComments(field).trim().toLowerCase() || "7bit";
}

/** By one look at each character: a regular expression looks at `((((` as often as there are parentheses. */
function withoutComments(field: string): string {
  let text = "";
  for (let at = 0; at < field.length;) {
    const opens = field.indexOf("(", at);
    const closes = opens === -1 ? -1 : field.indexOf(")", opens);
    if (closes === -1) return text + field.slice(at);
    text += field.slice(at, opens);
    at = closes + 1;
  }
  return text;
}

/** The body is as it is: not encoded (RFC 2045 section 6.2). */
export function isPlain({ encoding }: Entity): boolean {
  return encoding === "7bit" || encoding === "8bit" || encoding === "binary";
}

/** `header` with CR LF after each line; `inDigest`: a part of a multipart/digest, whose default is a message. */
export function entityOf(header: Uint8Array, inDigest: boolean): Entity {
  const text = octetText(header);
  const types = fieldsOf(text, "content-type");
  const encodings = fieldsOf(text, "content-transfer-encoding").map(encodingOf);
  const contentType = types.at(-1) ?? "";
  const type = TYPE.exec(contentType.toLowerCase())?.[1] ?? (inDigest ? "message/rfc822" : "text/plain");
  const quoted = BOUNDARY.exec(contentType);
  const boundary = (quoted?.[1]?.replaceAll(/\\(.)/g, "$1") ?? quoted?.[2] ?? "").trimEnd();
  const isAmbiguous = new Set(types).size > 1 || new Set(encodings).size > 1;
  const leaf: Entity = { kind: "leaf", type, boundary, encoding: encodings.at(-1) ?? "7bit", isAmbiguous };
  // A body that is encoded as a whole has no parts that one could see (RFC 2045 section 6.4 forbids it).
  if (isAmbiguous || !isPlain(leaf)) return leaf;
  if (type.startsWith("multipart/") && boundary !== "" && boundary.length <= BOUNDARY_MAX)
    return { ...leaf, kind: "multipart" };
  return type === "message/rfc822" || type === "message/global" ? { ...leaf, kind: "message" } : leaf;
}
