/**
 * A load as a program of its own, so that its work does not count as the server's.
 *
 * Its one argument is JSON; each line that it prints is JSON. It needs no permission but the
 * network at the server's address.
 *
 * @module
 */

import process from "node:process";

/** Runs the load when its file is the program, says what came out of it and ends the process. */
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
  // Requests that are still open keep nobody waiting.
  Deno.exit(0);
}

/** One line for whoever started this load. */
export function tell(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** Milliseconds of CPU that this process has used, all threads, in user and kernel mode. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
