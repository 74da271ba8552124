/**
 * The program with commands that write down their process ids; none of these processes may be left at the end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "./folder.ts";
import { aliveIn, killAllIn } from "./processes.ts";
import { fixture, type Program, startProgram } from "./program.ts";

/** What a test of how jobs and servers end acts on. */
export interface Stage {
  readonly url: string;
  readonly program: Program;
  /** Folder of a job's `started_<id>` files. */
  readonly folder: string;
  readonly pids: string;
  readonly spool: string;
  release(): void;
}

/** In place of the program: one whose service fails when a job's id is the name of a bug in `faulty_service.ts`. */
export const faulty: { readonly script: string } = { script: fixture("faulty_program.ts") };

/**
 * Runs a fixture as the command of a program of its own, which `through` starts; afterwards no process and no file may be
 * left.
 */
export async function on(
  name: string,
  { script, ...env }: Readonly<Record<string, string>>,
  act: (stage: Stage) => Promise<void>,
  through: readonly string[] = [],
): Promise<void> {
  using temporary = temporaryFolder();
  const folder = temporary.path;
  const pids = `${folder}/pids`;
  const spool = `${folder}/spool`;
  Deno.mkdirSync(pids);
  Deno.mkdirSync(spool);
  try {
    await using program = await startProgram({
      ...(script ? { script } : {}),
      through,
      env: {
        JOBRUNNER_CMD: fixture(name),
        JOBRUNNER_NUM_WORKERS: "1",
        JOBRUNNER_KILL_GRACE_SEC: "0.3",
        JOBRUNNER_SPOOL_DIR: spool,
        HOLD_RELEASE: `${folder}/release`,
        PIDS: pids,
        ...env,
      },
    });
    await act({
      url: program.url,
      program,
      folder,
      pids,
      spool,
      release: () => Deno.writeTextFileSync(`${folder}/release`, ""),
    });
    assert.deepEqual(aliveIn(pids), [], "processes are gone");
    assert.deepEqual([...Deno.readDirSync(spool)], [], "files are gone");
  } finally {
    killAllIn(pids);
  }
}
