// SMTP smuggling: what content holds that some server might take for its end, and the commands of a second message behind it.

export const HELLO = "EHLO client.test\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n";
export const FRAME = "Subject: a\r\n\r\nx";
export const SMUGGLED_MAIL = "MAIL FROM:<smuggled@example.com>";
export const SMUGGLED = `${SMUGGLED_MAIL}\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nSubject: b\r\n\r\ny\r\n.\r\n`;

const NEL = "\x85.\x85";
const LS = "\xE2\x80\xA8.\xE2\x80\xA8";
/** By their numbers in the catalogue. */
export const ROWS: readonly (readonly [row: string, ...sequences: string[]])[] = [
  ["1", "\n.\n"],
  ["2", "\n.\r"],
  ["3", "\r.\n"],
  ["4", "\r.\r"],
  ["5", "\n.\r\n"],
  ["6", "\r.\r\n"],
  ["7", "\r\n\n.\r\n"],
  ["8", "\n\r.\r\n"],
  ["9", "\r\n\r.\r\n", "\r\r\n\r.\r\n"],
  ["11", ".\r", "\n.\r"],
  ["15", "\r\n.\n"],
  ["16", "\r\n.\r"],
  ["17", "\r\n.\r\r\n"],
  ["18", "\r\r\n.\r\r\n"],
  ["19", "\r\n\0.\r\n"],
  ["20", "\r\n.\0\r\n"],
];
/** Legal content. */
export const LITERAL: readonly (readonly [row: string, ...sequences: string[]])[] = [
  ["21", "\r\n. \r\n", "\r\n.\t\r\n"],
  ["22", "\r\n.\x0b\r\n", "\r\n.\x0c\r\n"],
  ["23", NEL, LS],
  ["24", "\r\n..\r\n"],
];
