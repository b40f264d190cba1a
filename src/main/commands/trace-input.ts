// What `waypost trace FILE` reads.
import fs from "node:fs";
import net from "node:net";
import type { Readable } from "node:stream";
import { reasonOf } from "../../adapters/config-file/find.ts";
import { KiB, TRACE } from "../../core/base/limits.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";

export const TAKES = "trace takes a file, - for standard input, or an ID of 14 letters and digits";

/** As much of the file as a header may have, and an octet more, so that a longer one is seen to be longer. */
export async function headOf(file: string, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let octets = 0;
  try {
    for await (const chunk of streamOf(file, name) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      octets += chunk.length;
      if (octets > TRACE.headerOctetsMax) break;
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`${name} cannot be read: ${reasonOf(error)}; ${TAKES}`, EXIT.failed);
  }
  return Buffer.concat(chunks);
}

function streamOf(file: string, name: string): Readable {
  if (file === "-") return process.stdin;
  if (!fs.statSync(file).isFIFO()) return fs.createReadStream(file, { end: TRACE.headerOctetsMax });
  const pipe = pipeOf(file);
  if (pipe === undefined)
    throw new CommandFailure(`${name} cannot be read: it is a pipe that nobody writes to; ${TAKES}`, EXIT.failed);
  return pipe;
}

/** A pipe is opened without waiting for somebody who writes, which could be for ever; undefined where nobody does. */
function pipeOf(file: string): Readable | undefined {
  const descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const first = Buffer.alloc(64 * KiB);
  const octets = readNow(descriptor, first);
  if (octets === 0) {
    fs.closeSync(descriptor);
    return undefined;
  }
  const stream = new net.Socket({ fd: descriptor, readable: true, writable: false });
  if (octets !== undefined) stream.unshift(first.subarray(0, octets));
  return stream;
}

/** Undefined where somebody is there and has written nothing yet; 0 where nobody is. */
function readNow(descriptor: number, into: Buffer): number | undefined {
  try {
    return fs.readSync(descriptor, into);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}
