export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong, or odd. The message never holds the value of a secret. */
export interface ConfigIssue {
  readonly path: ConfigPath;
  /** Whether the key is wrong or what stands behind it. */
  readonly at: "key" | "value";
  readonly message: string;
}

export function issue(path: ConfigPath, message: string): ConfigIssue {
  return { path, at: "value", message };
}

/** `listeners[0].tls`, `smarthosts["a b"].url` */
export function configPathText(path: ConfigPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}
