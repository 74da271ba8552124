/**
 * The program behind `deno bundle`: esbuild, which Deno by itself would fetch from npm and run unchecked.
 *
 * @module
 */

import { BuildFailure } from "./build_failure.ts";
import { runCommand } from "./command.ts";

/**
 * Fetches esbuild, checked against the SHA-512 in `tools/esbuild.lock`, into Deno's cache. `deno bundle` takes it from
 * there if it wants this version. Throws a `BuildFailure` when that is not possible.
 */
export async function provideBundler(root: string, env: Record<string, string> = {}) {
  const lock = "tools/esbuild.lock";
  const { specifiers } = JSON.parse(Deno.readTextFileSync(`${root}/${lock}`));
  const flags = ["--quiet", "--no-config", `--lock=${lock}`, "--frozen"];
  const said = await runCommand(
    Deno.execPath(),
    ["cache", ...flags, ...Object.keys(specifiers)],
    { cwd: root, env },
  );
  if (said.ok) return;
  const [reason] = /(?<=^\s*0: ).*/m.exec(said.stderr) ?? said.stderr.trim().split("\n");
  throw new BuildFailure(`esbuild: must be available from npm as ${lock} pins it (${reason})`);
}
