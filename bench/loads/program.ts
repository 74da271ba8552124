/**
 * A load as a program of its own, so that its work does not count as the server's.
 *
 * Its one argument is JSON; each line that it prints is JSON. It needs no permission but the
 * network at the server's address.
 *
 * @module
 */

import process from "node:process";

/** Runs the load when its file is the program, prints its result and exits. */
export async function runAsProgram<Plan>(
  meta: ImportMeta,
  load: (plan: Plan) => Promise<unknown>,
): Promise<void> {
  if (!meta.main) return;
  try {
    tell(await load(JSON.parse(Deno.args[0] ?? "")));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  // Exits even while requests are still open.
  Deno.exit(0);
}

/** Prints a line for the process that started this load. */
export function tell(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** Milliseconds of CPU that this process has used, all threads, in user and kernel mode. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
