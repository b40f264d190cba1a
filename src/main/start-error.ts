import type { ListenAddress } from "../core/config/config.ts";

/** The relay cannot start; the text says why and what to do. */
export class StartError extends Error {
  override readonly name: string = "StartError";
}

/** The disk with the data folder is full: a start may do as soon as there is room. */
export class DiskFullError extends StartError {
  override readonly name = "DiskFullError";
  constructor(data: string) {
    super(`the disk with the data folder ${data} is full: make 20 MiB of room, and start again; nothing is lost`);
  }
}

/** A port that is taken. */
export class PortTakenError extends StartError {
  override readonly name = "PortTakenError";
  readonly address: ListenAddress;
  constructor(address: ListenAddress, message: string) {
    super(message);
    this.address = address;
  }
}

/** Another relay runs on the data folder. */
export class FolderTakenError extends StartError {
  override readonly name = "FolderTakenError";
}
