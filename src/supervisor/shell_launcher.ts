/**
 * A launcher for systems without the one of `launcher.ts`: a script that runs one command. The process that starts it chooses the
 * environment, the working directory and the standard input, and the command has no session of its own.
 *
 * @module
 */

/** What such a launcher runs. */
export interface ShellLaunch {
  /** Absolute path of the program. */
  readonly program: string;
  /** Its arguments, without its own name. */
  readonly args: readonly string[];
  /** First word of the line on stderr that reports why the program could not be started, as for `Launch`. */
  readonly word: string;
}

/**
 * Makes the text of the script. If the program is missing or not an executable file, the script reports that as a launcher does:
 * ENOENT and EACCES have the same numbers on all systems.
 */
export function makeShellLauncher({ program, args, word }: ShellLaunch): string {
  const quoted = [program, ...args].map(quote);
  const fail = (errno: string, status: number) =>
    `{ printf '%s %s\\n' ${quote(word)} ${errno} >&2; exit ${status}; }`;
  return [
    "#!/bin/sh",
    `[ -e ${quoted[0]} ] || ${fail("002", 127)}`,
    `[ -f ${quoted[0]} ] && [ -x ${quoted[0]} ] || ${fail("013", 126)}`,
    `exec ${quoted.join(" ")}`,
    "",
  ].join("\n");
}

/** A text as one word of the shell (POSIX 2.2.2). */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
