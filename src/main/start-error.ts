import type { ListenAddress } from "../core/config/config.ts";

/** The relay cannot start; the text says why and what to do. */
export class StartError extends Error {
  override readonly name: string = "StartError";
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
