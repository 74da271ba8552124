/**
 * One helper program, run to its end.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";

/**
 * Runs a program and resolves with its standard output. The signal kills it.
 *
 * Throws `Deno.errors.NotFound` when there is no such program, the signal's reason when it was
 * aborted, and a `BenchFailure` with what the program wrote to standard error when it did not exit
 * with 0.
 */
export async function outputOf(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  { env, cwd }: {
    /** The whole environment; without it the program inherits ours. */
    readonly env?: Readonly<Record<string, string>>;
    /** The folder that it runs in; ours without it. */
    readonly cwd?: string;
  } = {},
): Promise<string> {
  signal.throwIfAborted();
  const command = new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    signal,
    ...(env ? { clearEnv: true, env: { ...env } } : {}),
    ...(cwd === undefined ? {} : { cwd }),
  });
  const { success, code, stdout, stderr } = await command.output();
  signal.throwIfAborted();
  if (success) return new TextDecoder().decode(stdout);
  const complaint = new TextDecoder().decode(stderr).trim();
  throw new BenchFailure(`${program} exited with ${code}: ${complaint || "it gave no reason"}`);
}
