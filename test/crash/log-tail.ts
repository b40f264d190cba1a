import { closeSync, ftruncateSync, openSync, readSync, fstatSync } from "node:fs";

// The store's log as SQLite writes it (https://sqlite.org/fileformat2.html#walformat).

const HEADER_OCTETS = 32;
const FRAME_HEADER_OCTETS = 24;
const SALT_OCTETS = 8;

/** From here on the log is being taken over into the store's file, or was: without its end that file would be damaged. */
const CHECKPOINT_FRAMES = 1000;

/** Takes this share of the log's frames from its end, as a disk does that said too early that they are written. */
export function loseTail(log: string, share: number): void {
  const descriptor = openSync(log, "r+");
  try {
    const header = piece(descriptor, 0, HEADER_OCTETS);
    const frameOctets = FRAME_HEADER_OCTETS + header.readUInt32BE(8);
    const salt = header.subarray(16, 16 + SALT_OCTETS);
    const most = Math.floor((fstatSync(descriptor).size - HEADER_OCTETS) / frameOctets);
    const start = (frame: number): number => HEADER_OCTETS + frame * frameOctets;
    // What stands behind the frames of this salt is older than they are.
    let frames = 0;
    while (frames < most && piece(descriptor, start(frames) + 8, SALT_OCTETS).equals(salt)) frames++;
    if (frames < CHECKPOINT_FRAMES) ftruncateSync(descriptor, start(Math.floor(frames * (1 - share))));
  } finally {
    closeSync(descriptor);
  }
}

function piece(descriptor: number, at: number, octets: number): Buffer {
  const buffer = Buffer.alloc(octets);
  readSync(descriptor, buffer, 0, octets, at);
  return buffer;
}
