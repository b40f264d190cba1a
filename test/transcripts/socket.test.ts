import { describe, test } from "vitest";
import { testListener } from "../support/listener.ts";
import { SocketWire } from "../support/socket-wire.ts";
import { play } from "../support/transcript.ts";
import { transcripts } from "../support/transcripts.ts";

// What depends on octets that are there before the greeting cannot be told over a network.
const UNTIMELY: ReadonlySet<string> = new Set(["talks-before-the-greeting"]);

describe("over a real connection", () => {
  test.for(transcripts().filter(({ name }) => !UNTIMELY.has(name)))("$name", async ({ transcript }) => {
    await play(transcript, await SocketWire.open(testListener(transcript.listener)));
  });
});
