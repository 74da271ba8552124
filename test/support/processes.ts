/**
 * Processes whose ids fixtures wrote into a folder, one file each.
 *
 * @module
 */

/** The process id that a fixture wrote into the file `name`. */
export function pidIn(folder: string, name: string): number {
  return Number(Deno.readTextFileSync(`${folder}/${name}`));
}

/** State and parent of a process; undefined when it does not exist. */
function look(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Whether a process is alive; a zombie is not. */
export function isAlive(pid: number): boolean {
  return !/^[ZX]?$/.test(look(pid)?.state ?? "");
}

/** Names of the processes in the folder that are alive. */
export function aliveIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((name) => isAlive(pidIn(folder, name))).sort();
}

/** Waits until a condition holds, by polling; fails after a minute and names the condition. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (!await holds()) {
    if (Date.now() > giveUpAt) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Kills what a test may have left, so that one failure does not affect the next test. */
export function killAllIn(folder: string): void {
  for (const name of aliveIn(folder)) Deno.kill(pidIn(folder, name), "SIGKILL");
}

/** Ids of living processes whose parent is this one. */
export function childrenOf(parent: number): number[] {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name))
    .filter((pid) => isAlive(pid) && look(pid)?.parent === parent);
}

/** Ids of living processes with the mark of a job or of a warm process whose folder is somewhere below this one (Linux). */
export function markedIn(folder: string): number[] {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).filter((pid) => {
    try {
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
      return environment.includes(`JOBRUNNER_JOB_DIR=${folder}/`) && isAlive(pid);
    } catch {
      return false;
    }
  });
}
