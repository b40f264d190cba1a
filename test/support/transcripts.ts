import fs from "node:fs";
import path from "node:path";
import { type Transcript, parseTranscript } from "./transcript.ts";

const FOLDER = path.resolve(import.meta.dirname, "../transcripts");

export interface NamedTranscript {
  readonly name: string;
  readonly transcript: Transcript;
}

/** All of test/transcripts, by name. */
export function transcripts(): NamedTranscript[] {
  const files = fs.readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".txt"));
  return files.sort().map((file) => ({
    name: file.slice(0, -".txt".length).replaceAll(path.sep, "/"),
    transcript: parseTranscript(fs.readFileSync(path.join(FOLDER, file), "utf8")),
  }));
}
