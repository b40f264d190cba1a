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
}

const TYPE = /^\s*([!#$%&'*+\-.^_`|~0-9a-z]+\/[!#$%&'*+\-.^_`|~0-9a-z]+)/;
const BOUNDARY = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i;
const BOUNDARY_MAX = 70; // RFC 2046 section 5.1.1

/** The value of the last field of that name, unfolded; empty where there is none. */
function fieldOf(header: string, name: string): string {
  let found = "";
  for (const match of header.matchAll(/^([!-9;-~]+)[ \t]*:((?:.*\r\n[ \t])*.*)\r\n/gm))
    if (match[1]!.toLowerCase() === name) found = match[2]!.replaceAll("\r\n", "");
  return found;
}

/** `header` with CR LF after each line; `inDigest`: a part of a multipart/digest, whose default is a message. */
export function entityOf(header: Uint8Array, inDigest: boolean): Entity {
  const text = octetText(header);
  const contentType = fieldOf(text, "content-type");
  const type = TYPE.exec(contentType.toLowerCase())?.[1] ?? (inDigest ? "message/rfc822" : "text/plain");
  const encoding =
    fieldOf(text, "content-transfer-encoding")
      .replace(/\(.*?\)/g, "")
      .trim()
      .toLowerCase() || "7bit";
  const quoted = BOUNDARY.exec(contentType);
  const boundary = (quoted?.[1]?.replaceAll(/\\(.)/g, "$1") ?? quoted?.[2] ?? "").trimEnd();
  // A body that is encoded as a whole has no parts that one could see (RFC 2045 section 6.4 forbids it).
  const isOpen = encoding === "7bit" || encoding === "8bit" || encoding === "binary";
  const isMultipart = isOpen && type.startsWith("multipart/") && boundary !== "" && boundary.length <= BOUNDARY_MAX;
  const isMessage = isOpen && (type === "message/rfc822" || type === "message/global");
  return { kind: isMultipart ? "multipart" : isMessage ? "message" : "leaf", type, boundary, encoding };
}
