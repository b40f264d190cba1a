export function differential(_: {
  readonly dialogues: number;
  readonly seed: number;
}): Promise<Readonly<Record<string, number>> & { readonly differencesUnexplained: number; readonly commands: number }> {
  return Promise.reject(new Error("not yet"));
}
