// The files that a configuration names: also of one that is not valid, so that a key of another certificate is told
// together with all else that is wrong.

import type { Config, TlsFiles } from "./config.ts";
import type { ConfigPath } from "./issue.ts";
import { isSection, valid } from "./rough-sections.ts";
import { configSchema, listener } from "./schema.ts";
import { smartHost } from "./schema-outbound.ts";

/** Paths as the configuration has them; `at` says where. */
export interface NamedFiles {
  readonly data: string | undefined;
  readonly pairs: readonly TlsFiles[];
  readonly authorities: readonly { readonly file: string; readonly at: ConfigPath }[];
}

export function namedFiles({ data, listeners, smartHosts }: Config): NamedFiles {
  return {
    data,
    pairs: [...new Map(listeners.flatMap(({ certificates }) => certificates.map((of) => [of.at.join(), of]))).values()],
    authorities: smartHosts.flatMap(({ name, authorityFile }) =>
      authorityFile === undefined ? [] : [{ file: authorityFile, at: authorityAt(name) }],
    ),
  };
}

/** `input` is what a configuration holds, as plain values; looked for key by key. */
export function namedFilesIn(input: unknown): NamedFiles {
  const { data, tls, listeners, smarthosts }: Readonly<Record<string, unknown>> = isSection(input) ? input : {};
  const ofAll = valid(configSchema.shape.tls, tls);
  return {
    data: valid(configSchema.shape.data, data),
    pairs: [
      ...(ofAll === undefined ? [] : [{ ...ofAll, at: ["tls"] }]),
      ...(Array.isArray(listeners) ? listeners : []).flatMap((section: unknown, index) =>
        isSection(section) ? ownPairs(section["tls_certificates"], index) : [],
      ),
    ],
    authorities: Object.entries(isSection(smarthosts) ? smarthosts : {}).flatMap(([name, section]) => {
      const file = isSection(section) ? valid(smartHost.shape.tls_ca, section["tls_ca"]) : undefined;
      return file === undefined ? [] : [{ file, at: authorityAt(name) }];
    }),
  };
}

function ownPairs(input: unknown, index: number): readonly TlsFiles[] {
  const found = valid(listener.shape.tls_certificates, input) ?? [];
  return found.map((files, at) => ({ ...files, at: ["listeners", index, "tls_certificates", at] }));
}

function authorityAt(name: string): ConfigPath {
  return ["smarthosts", name, "tls_ca"];
}

/** With every path by `absolute`. */
export function withPaths({ data, pairs, authorities }: NamedFiles, absolute: (path: string) => string): NamedFiles {
  return {
    data: data === undefined ? undefined : absolute(data),
    pairs: pairs.map(({ certificate, key, at }) => ({ certificate: absolute(certificate), key: absolute(key), at })),
    authorities: authorities.map(({ file, at }) => ({ file: absolute(file), at })),
  };
}
