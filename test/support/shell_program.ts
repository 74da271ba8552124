/**
 * A program that runs shell scripts, with a spool of its own.
 *
 * @module
 */

import { temporaryFolder } from "./folder.ts";
import { expectNothingLeft } from "./nothing_left.ts";
import { fixture, type Program, startProgram } from "./program.ts";

/**
 * Starts a program whose only worker runs payloads as shell scripts, and checks at the end that its requests have left nothing.
 * `folder` holds its spool and is free for files of the test.
 */
export async function onShell(
  env: Readonly<Record<string, string>>,
  act: (program: Program, folder: string) => Promise<void>,
): Promise<void> {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_SPOOL_DIR: folder.path,
      ...env,
    },
  });
  await act(program, folder.path);
  await expectNothingLeft(program, folder.path);
}

/** A line of a script that waits until a file exists. */
export function awaits(path: string): string {
  return `while [ ! -e ${path} ]; do sleep 0.02; done`;
}
