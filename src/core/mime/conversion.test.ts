import { describe, expect, test } from "vitest";
import { converted, decoded, lines } from "../../../test/support/conversions.ts";

// What becomes of each part of a message.

test("what is 7-bit already stays as it is, to the octet", () => {
  const message = lines(
    "Subject: x",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "pre",
    "--b",
    "",
    "body",
    "--b--",
    "post",
  );
  expect(converted(message)).toBe(message);
});

test("text becomes quoted-printable", () => {
  const message = lines(
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=iso-8859-1",
    "Content-Transfer-Encoding: 8bit",
    "",
    "Gr\xfc\xdfe = 1 ",
    ".dot",
  );
  expect(converted(message)).toBe(
    lines(
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=iso-8859-1",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Gr=FC=DFe =3D 1=20",
      ".dot",
    ),
  );
});

test("what is not text becomes base64", () => {
  const body = "\x00\x01\xff\xfe".repeat(40);
  const found = converted(
    lines("MIME-Version: 1.0", "Content-Type: image/png", "Content-Transfer-Encoding: binary", "", body),
  );
  expect(found).toContain("Content-Transfer-Encoding: base64\r\n");
  expect(decoded(found)).toBe(`${body}\r\n`);
});

test("a message without MIME becomes MIME, of a charset that nobody knows", () => {
  expect(converted(lines("Subject: x", "", "caf\xe9"))).toBe(
    lines(
      "Subject: x",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=unknown-8bit",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "caf=E9",
    ),
  );
});

test("each part on its own, inside parts and inside messages; the others stay as they are", () => {
  const message = lines(
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="out er"',
    "Content-Transfer-Encoding: 8bit",
    "",
    "preamble",
    "--out er",
    "Content-Type: multipart/alternative; boundary=in",
    "",
    "--in",
    "",
    "plain",
    "--in",
    "Content-Type: text/html",
    "Content-Transfer-Encoding: 8bit",
    "",
    "<p>\xe9</p>",
    "--in--",
    "--out er",
    "Content-Type: message/rfc822",
    "Content-Transfer-Encoding: 8bit",
    "",
    "Subject: inner",
    "",
    "a caf\xe9",
    "--out er--",
    "epilogue",
  );
  const expected = message
    .replace(
      'boundary="out er"\r\nContent-Transfer-Encoding: 8bit',
      'boundary="out er"\r\nContent-Transfer-Encoding: 7bit',
    )
    .replace("text/html\r\nContent-Transfer-Encoding: 8bit", "text/html\r\nContent-Transfer-Encoding: quoted-printable")
    .replace("<p>\xe9</p>", "<p>=E9</p>")
    .replace("message/rfc822\r\nContent-Transfer-Encoding: 8bit", "message/rfc822\r\nContent-Transfer-Encoding: 7bit")
    .replace(
      "Subject: inner\r\n\r\na caf\xe9",
      "Subject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na caf=E9",
    );
  expect(converted(message)).toBe(expected);
});

test("lines of more than 998 octets are encoded too", () => {
  const body = "x".repeat(3000);
  const found = converted(lines("MIME-Version: 1.0", "Content-Type: text/plain", "", body));
  expect(Math.max(...found.split("\r\n").map((line) => line.length))).toBeLessThanOrEqual(76);
  expect(decoded(found)).toBe(`${body}\r\n`);
  const longest = lines("MIME-Version: 1.0", "", "x".repeat(998));
  expect(converted(longest)).toBe(longest);
});

test.each([
  [
    "a signature over it",
    lines(
      "Content-Type: multipart/signed; boundary=s",
      "",
      "--s",
      "",
      "caf\xe9",
      "--s",
      "Content-Type: application/pgp-signature",
      "",
      "x",
      "--s--",
    ),
    "it is signed, and would not be any more",
  ],
  [
    "a signature further out",
    lines(
      "Content-Type: multipart/signed; boundary=s",
      "",
      "--s",
      "Content-Type: multipart/mixed; boundary=m",
      "",
      "--m",
      "",
      "\xe9",
      "--m--",
      "--s--",
    ),
    "it is signed, and would not be any more",
  ],
  ["a raw header", lines("Subject: caf\xe9", "", "x"), "a header in it has characters beyond ASCII"],
  [
    "a raw header of a part",
    lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Description: \xe9", "", "x", "--b--"),
    "a header in it has characters beyond ASCII",
  ],
  [
    "something between the parts",
    lines("Content-Type: multipart/mixed; boundary=b", "", "\xe9", "--b", "", "x", "--b--"),
    "it has characters beyond ASCII between its parts",
  ],
  [
    "a part that lies about itself",
    lines("Content-Type: text/plain", "Content-Transfer-Encoding: base64", "", "\xe9"),
    "a part of it says that it is base64, and is not",
  ],
])("%s forbids it", (_, message, why) => {
  expect(converted(message)).toBe(`impossible: ${why}`);
});

const leaf = (type: string, encoding: string, ...body: readonly string[]): string =>
  lines("MIME-Version: 1.0", `Content-Type: ${type}`, `Content-Transfer-Encoding: ${encoding}`, "", ...body);

describe("what must not be given base64 or quoted-printable", () => {
  test.each([
    [
      "message/partial (RFC 2046 section 5.2.2.1)",
      leaf("message/partial; id=x; number=1", "8bit", "\xe9"),
      "message/partial",
    ],
    [
      "message/external-body (section 5.2.3)",
      leaf("message/external-body; access-type=x", "8bit", "\xe9"),
      "message/external-body",
    ],
    ["a report for programs (RFC 3464)", leaf("message/delivery-status", "8bit", "X: \xe9"), "message/delivery-status"],
    ["a multipart without a boundary", leaf("multipart/mixed", "8bit", "\xe9"), "multipart/mixed"],
    [
      "a multipart with one that is too long",
      leaf(`multipart/mixed; boundary=${"b".repeat(71)}`, "8bit", "\xe9"),
      "multipart/mixed",
    ],
    ["a long line in one", leaf("message/partial; id=x", "7bit", "x".repeat(999)), "message/partial"],
  ])("%s", (_, message, type) => {
    expect(converted(message)).toBe(`impossible: a part of it is ${type}, which stays as it is (RFC 2045 section 6.4)`);
  });

  test("those of international mail may be (RFC 6533 section 4)", () => {
    const found = converted(leaf("message/global-delivery-status", "8bit", "X: \xe9"));
    expect(found).toContain("Content-Transfer-Encoding: base64\r\n");
    expect(decoded(found)).toBe("X: \xe9\r\n");
  });

  test("in 7 bits they stay, and lose an encoding that says more", () => {
    const message = leaf("message/partial; id=x", "8bit", "Subject: x", "", "plain");
    expect(converted(message)).toBe(message.replace("8bit", "7bit"));
  });
});

test.each(["8bit", "binary"])("a message in a digest, which says %s and no type, stays a message", (encoding) => {
  const digest = (...fields: readonly string[]): string =>
    lines(
      "MIME-Version: 1.0",
      "Content-Type: multipart/digest; boundary=b",
      "",
      "--b",
      ...fields,
      "",
      "Subject: inner",
      "",
      "text",
      "--b--",
    );
  expect(converted(digest(`Content-Transfer-Encoding: ${encoding}`))).toBe(digest("Content-Transfer-Encoding: 7bit"));
});

describe("a header that says two things", () => {
  const twice = (first: string, second: string, body: string): string =>
    lines(
      "MIME-Version: 1.0",
      "Content-Type: text/plain",
      `Content-Transfer-Encoding: ${first}`,
      `Content-Transfer-Encoding: ${second}`,
      "",
      body,
    );
  const why = "impossible: a part of it says in two ways what it is";

  test("the same twice is once", () => {
    expect(converted(twice("8bit", "8Bit", "a caf\xe9"))).toBe(
      leaf("text/plain", "8bit", "a caf\xe9").replace("8bit", "quoted-printable").replace("\xe9", "=E9"),
    );
  });

  test("two encodings: nobody knows what the octets mean", () => {
    expect(converted(twice("8bit", "base64", "\xe9"))).toBe(why);
    expect(converted(twice("base64", "8bit", "\xe9"))).toBe(why);
  });

  test("in 7 bits it stays to the octet, so that either way of reading it stays", () => {
    const message = twice("base64", "8bit", "cGxhaW4=");
    expect(converted(message)).toBe(message);
  });

  test("two types: one of them may be a signature's", () => {
    const message = (body: string): string =>
      lines("Content-Type: multipart/signed; boundary=b", "Content-Type: text/plain", "", "--b", "", body, "--b--");
    expect(converted(message("\xe9"))).toBe(why);
    expect(converted(message("plain"))).toBe(message("plain"));
  });
});

test("an encoding that nobody knows is not taken off", () => {
  expect(converted(leaf("text/plain", "x-uuencode", "begin 644 x", "\xe9"))).toBe(
    "impossible: a part of it says that it is x-uuencode, and is not",
  );
  const message = leaf("text/plain", "x-uuencode", "begin 644 x", "#86)C", "`", "end");
  expect(converted(message)).toBe(message);
});

test("uuencoded text is text: its octets come back", () => {
  const body = lines("caf\xe9", "begin 644 x", "#86)C ", "`", "end");
  const found = converted(leaf("text/plain", "8bit", body).slice(0, -2));
  expect(found).toContain("quoted-printable");
  expect(decoded(found)).toBe(body);
});

test.each(["8bit", "binary"])("S/MIME in one piece is a leaf, whose %s octets come back", (encoding) => {
  const body = "0\x82\x01\x00\xff".repeat(50);
  const found = converted(leaf("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", encoding, body));
  expect(found).toContain("Content-Transfer-Encoding: base64\r\n");
  expect(decoded(found)).toBe(`${body}\r\n`);
});

test("a multipart without an end has its last part converted to its end", () => {
  const message = lines(
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Type: text/plain",
    "",
    "a\xe9",
    "",
  );
  expect(converted(message)).toBe(
    message
      .replace("text/plain\r\n", "text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n")
      .replace("a\xe9", "a=E9"),
  );
});

test("parts inside parts with the same boundary: each part on its own, whoever is meant to have it", () => {
  const part = lines("--b", "Content-Type: text/plain", "", "a caf\xe9");
  const message = `${lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: multipart/mixed; boundary=b", "")}${part}--b--\r\n${part}--b--\r\n`;
  const found = converted(message);
  expect(found.match(/^a caf=E9\r$/gm)).toHaveLength(2);
  expect(found.match(/^--b(--)?\r$/gm)).toHaveLength(5);
  expect(
    converted(message.replace("multipart/mixed; boundary=b\r\n\r\n--b", "multipart/signed; boundary=b\r\n\r\n--b")),
  ).toBe("impossible: it is signed, and would not be any more");
});

test("a signed part beside a raw one: the signed one keeps its octets", () => {
  const signed = lines(
    "Content-Type: multipart/signed; boundary=s",
    "",
    "--s",
    "Content-Transfer-Encoding: 8bit",
    "",
    "plain",
    "--s--",
  );
  const message = lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "", "\xe9", "--b", `${signed}--b--`);
  expect(converted(message)).toContain(signed);
});
