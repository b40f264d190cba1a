import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

// Whether two messages say the same, as Python's `email` reads them.

/** Compares pairs of files, part by part: what each part is and holds once it is decoded. Answers what differs. */
const PYTHON = `
import email, hashlib, sys
def kind(part):  # RFC 1428: what has no charset gets one that says so
    parameters = sorted(pair for pair in (part.get_params() or [])[1:] if pair != ("charset", "unknown-8bit"))
    return [part.get_content_type(), parameters]
def facts(part, is_top):
    ours = ["content-type", "content-transfer-encoding", "received"] + (["mime-version"] if is_top else [])
    fields = sorted((name.lower(), " ".join(str(value).split())) for name, value in part.items() if name.lower() not in ours)
    held = None if part.is_multipart() else hashlib.sha256(part.get_payload(decode=True)).hexdigest()
    return [kind(part), fields, part.preamble, part.epilogue, held]
def tree(name):
    with open(name, "rb") as file:
        message = email.message_from_bytes(file.read())
    return [facts(part, part is message) for part in message.walk()]
count = 0
for number in range(int(sys.argv[2])):
    sent, got = tree(f"{sys.argv[1]}/{number}.sent"), tree(f"{sys.argv[1]}/{number}.got")
    count += len(sent)
    if sent != got:
        sys.exit(f"{number}: {[pair for pair in zip(sent, got) if pair[0] != pair[1]]} {len(sent)} {len(got)}")
print(count)
`;

/** Throws where a part is another one; answers how many parts there are. */
export function compareParts(pairs: readonly { readonly sent: Buffer; readonly got: Buffer }[]): number {
  const folder = mkdtempSync(path.join(tmpdir(), "waypost-parts-"));
  try {
    for (const [at, { sent, got }] of pairs.entries()) {
      writeFileSync(path.join(folder, `${at}.sent`), sent);
      writeFileSync(path.join(folder, `${at}.got`), got);
    }
    return Number(execFileSync("python3", ["-c", PYTHON, folder, String(pairs.length)], { encoding: "utf8" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
