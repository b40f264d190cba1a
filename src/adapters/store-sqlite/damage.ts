const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** What is wrong with a database file, and what to do; undefined where the error is another one. */
export function damageOf(file: string, error: unknown): string | undefined {
  const code = ((error as { readonly errcode?: number }).errcode ?? 0) & 0xff;
  if (code === SQLITE_NOTADB) return `${file} is no SQLite database: move it away, or name another folder in \`data\``;
  if (code !== SQLITE_CORRUPT) return undefined;
  return `${file} is damaged: put a backup of the data folder in its place, or save what can be read with: sqlite3 ${file} .recover`;
}
