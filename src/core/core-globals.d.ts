// The globals that `core`, `ports` and `engine` may use. Everything else (timers, process, Buffer, fetch) does not
// exist there: what touches the world comes through a port.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  // UTF-8 only: "latin1" would be windows-1252 (WHATWG Encoding), which is not what octets are.
  constructor(encoding: "utf-8", options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  decode(octets: Uint8Array): string;
}

// Used for one thing: turning a non-ASCII label into its A-label (see mail/domain.ts).
declare class URL {
  constructor(text: string);
  readonly hostname: string;
}

declare class AbortSignal {
  readonly aborted: boolean;
}
