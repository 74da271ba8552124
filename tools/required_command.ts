/**
 * Other programs without which a release cannot be made.
 *
 * @module
 */

import { BuildFailure } from "./build_failure.ts";
import { runCommand } from "./command.ts";

/**
 * The program's standard output. Throws a `BuildFailure` if the program is missing, which names Debian's package where it is
 * given, or if it fails.
 */
export async function requireCommand(
  program: string,
  args: readonly string[],
  cwd: string,
  debianPackage?: string,
): Promise<string> {
  try {
    const said = await runCommand(program, args, { cwd });
    if (said.ok) return said.stdout;
    const [reason = ""] = said.stderr.trim().split("\n");
    throw new BuildFailure(`${program} ${args[0]}: must succeed, but reported: ${reason}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const from = debianPackage === undefined ? "" : ` (Debian's package ${debianPackage})`;
    throw new BuildFailure(`${program}: must be installed${from}, and ${cwd} must exist`);
  }
}
