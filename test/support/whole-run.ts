/**
 * Why what is asked for is not recorded: a figure is of the relay as it is, in a whole run. Undefined where it may be. `parts`: by
 * name, options that make it a part of the suite or a run of another program.
 */
function notRecorded(isRecorded: boolean, parts: Readonly<Record<string, unknown>>): string | undefined {
  if (!isRecorded) return undefined;
  const mixed = Object.entries(parts).filter(([, value]) => value !== undefined && value !== false);
  if (mixed.length === 0) return undefined;
  const options = mixed.map(([option]) => `--${option}`).join(" and ");
  return `--record is for a whole run of the relay as it is, and does not go with ${options}; nothing was run`;
}

/** Says why, and ends the process with 2, before anything is run. */
export function refuseParts(isRecorded: boolean, parts: Readonly<Record<string, unknown>>): void {
  const fault = notRecorded(isRecorded, parts);
  if (fault === undefined) return;
  console.error(fault);
  process.exit(2);
}
