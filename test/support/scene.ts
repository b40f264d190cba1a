import { AccountingSink, type SinkOptions } from "./accounting-sink.ts";
import { selfSigned } from "./certificates.ts";
import { RelayHome, RelayProcess } from "./relay.ts";

// What most tests of the running relay need: a relay with three listeners, and a sink as its only next hop.

export const USER = { username: "app", password: "a secret: grün" } as const;

export const PLAIN = 0;
export const STARTTLS = 1;
export const IMPLICIT = 2;

export interface Scene {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
  readonly sink: AccountingSink;
  /** Of the listeners: plain, STARTTLS, implicit TLS. */
  readonly ports: readonly number[];
}

export interface SceneOptions {
  readonly sink?: SinkOptions;
  /** Keys of the configuration in place of the usual ones. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The tree whose relay it is, where it is not this one. */
  readonly tree?: string;
}

const { certificate, key } = selfSigned("relay.test", "DNS:relay.test,DNS:localhost,IP:127.0.0.1");

/** The certificate that the relay of a scene shows, as PEM. */
export const CERTIFICATE = certificate;

/** Three listeners, one credential, everybody on this machine may relay, everything goes to `port`. */
export function configure(home: RelayHome, port: number, config: Readonly<Record<string, unknown>> = {}): void {
  home.write("cert.pem", certificate);
  home.write("key.pem", key);
  home.configure({
    listeners: [
      { name: "plain", listen: "127.0.0.1:0", tls: "none" },
      { name: "starttls", listen: "127.0.0.1:0", tls: "starttls" },
      { name: "implicit", listen: "127.0.0.1:0", tls: "implicit" },
    ],
    tls: { certificate: "./cert.pem", key: "./key.pem" },
    access: { networks: ["127.0.0.0/8"] },
    credentials: [USER],
    smarthosts: { sink: { url: `smtp://127.0.0.1:${port}`, tls: "none" } },
    routes: [{ deliver: "sink" }],
    ...config,
  });
}

/** Starts it all; `end` takes it all away again. */
export async function setScene(options: SceneOptions): Promise<Scene & { end(): Promise<void> }> {
  const home = new RelayHome();
  const sink = await AccountingSink.start(options.sink);
  configure(home, sink.port, options.config);
  const relay = new RelayProcess(home, options.tree === undefined ? {} : { tree: options.tree });
  const end = async (): Promise<void> => {
    relay.kill("SIGKILL");
    await relay.stop();
    await sink.close();
    home.remove();
  };
  try {
    return { home, relay, sink, ports: await relay.ports(), end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Takes it all away again whatever happens in `play`. */
export async function scene(options: SceneOptions, play: (scene: Scene) => Promise<void>): Promise<void> {
  const set = await setScene(options);
  try {
    await play(set);
  } finally {
    await set.end();
  }
}
