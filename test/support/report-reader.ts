// A strict reader of multipart/report (RFC 3462, 3464), that shares no code with what writes it. One character is one
// octet, but where it says otherwise.

export interface ReadReport {
  /** Fields of the report itself, by name in lower case, unfolded. */
  readonly header: Readonly<Record<string, string>>;
  /** For people; UTF-8 decoded. */
  readonly text: string;
  /** Fields about the message, and about each recipient; UTF-8 decoded. */
  readonly message: Readonly<Record<string, string>>;
  readonly recipients: readonly Readonly<Record<string, string>>[];
  /** Body of the third part. */
  readonly returned: Uint8Array | undefined;
}

interface Entity {
  readonly header: Record<string, string>;
  readonly body: string;
}

function fieldsOf(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.replaceAll(/\r\n[ \t]/g, " ").split("\r\n")) {
    if (line === "") continue;
    const found = /^([!-9;-~]+): ?(.*)$/s.exec(line);
    if (found === null) throw new Error(`no field: ${JSON.stringify(line)}`);
    const name = found[1]!.toLowerCase();
    if (name in fields) throw new Error(`twice: ${name}`);
    fields[name] = found[2]!;
  }
  return fields;
}

function entityOf(text: string): Entity {
  const end = text.startsWith("\r\n") ? -2 : text.indexOf("\r\n\r\n");
  if (end === -1) throw new Error("a header without an end");
  return { header: fieldsOf(text.slice(0, end + 2)), body: text.slice(end + 4) };
}

function decoded(octets: string): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(octets, "latin1"));
}

function partsOf({ header, body }: Entity): Entity[] {
  const boundary = /^multipart\/report; report-type=delivery-status; boundary="([^"]{1,70})"$/.exec(
    header["content-type"] ?? "",
  )?.[1];
  if (boundary === undefined) throw new Error(`no report: ${header["content-type"]}`);
  const pieces = `\r\n${body}`.split(`\r\n--${boundary}`);
  if (pieces.length < 3 || pieces.at(-1) !== "--\r\n") throw new Error("the last boundary is missing");
  return pieces.slice(1, -1).map((piece) => {
    if (!piece.startsWith("\r\n")) throw new Error("text behind a boundary");
    return entityOf(piece.slice(2));
  });
}

/** Throws where it is not exactly what the RFCs say. */
export function parseReport(content: Uint8Array): ReadReport {
  const whole = entityOf(Buffer.from(content).toString("latin1"));
  const [text, status, returned, ...more] = partsOf(whole);
  if (text === undefined || status === undefined || more.length > 0) throw new Error("two or three parts");
  if (!/^message\/(global-)?delivery-status$/.test(status.header["content-type"] ?? "")) throw new Error("no status");
  const [message, ...recipients] = decoded(status.body)
    .split(/\r\n(?=\r\n)/)
    .map((block) => fieldsOf(block.replace(/^\r\n/, "")))
    .filter((fields) => Object.keys(fields).length > 0);
  return {
    header: whole.header,
    text: decoded(text.body),
    message: message!,
    recipients,
    returned: returned === undefined ? undefined : new Uint8Array(Buffer.from(returned.body, "latin1")),
  };
}

/** What RFC 2045 forbids: bare line ends, long lines, 8-bit parts that say 7bit, headers beyond ASCII in an ASCII report. */
export function mimeFaults(content: Uint8Array): string[] {
  const text = Buffer.from(content).toString("latin1");
  const faults: string[] = [];
  if (/(?<!\r)\n|\r(?!\n)|\0/.test(text)) faults.push("a bare line end or NUL");
  if (text.split("\r\n").some((line) => line.length > 998)) faults.push("a line of more than 998 octets");
  const whole = entityOf(text);
  for (const { header, body } of partsOf(whole)) {
    const says = header["content-transfer-encoding"];
    const isEightBit = /[\x80-\xff]/.test(body);
    if (says !== (isEightBit ? "8bit" : "7bit")) faults.push(`${header["content-type"]} says ${says}`);
    if (/[\x80-\xff]/.test(JSON.stringify(header))) faults.push("a part's header beyond ASCII");
  }
  for (const name of ["from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version"])
    if (!(name in whole.header)) faults.push(`no ${name}`);
  return faults;
}
