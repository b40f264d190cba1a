/** Why what is asked for is not recorded: a figure is of the relay as it is, in a whole run. Undefined where it may be. */
export function notRecorded(values: {
  readonly record: boolean;
  readonly patch?: string | undefined;
  readonly life?: string | undefined;
}): string | undefined {
  if (!values.record) return undefined;
  const mixed = (["patch", "life"] as const).filter((option) => values[option] !== undefined);
  if (mixed.length === 0) return undefined;
  const options = mixed.map((option) => `--${option}`).join(" and ");
  return `--record is for a whole run of the relay as it is, and does not go with ${options}; nothing was run`;
}
