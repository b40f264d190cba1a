/** What stands below the options of a command. */
export function example(command: string): string {
  return `\nExample: waypost ${command}`;
}
