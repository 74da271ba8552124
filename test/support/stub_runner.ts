/**
 * A runner without a process, for tests of what uses one.
 *
 * @module
 */

import type { RunEnd, RunListener, Runner, RunOrder } from "../../src/exec/runner.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { createWorkspace, type RunFiles } from "../../src/spool/workspace.ts";

/** An order together with the job's files. */
export type StubOrder = RunOrder & { readonly files: RunFiles };

/** What a run does in place of a command. */
export type StubRun = (order: StubOrder, onEvent: RunListener) => Promise<RunEnd>;

/** Makes a runner whose jobs have their files in the spool; `act` is all that its command does. */
export function stubRunner(spool: Spool, act: StubRun): Runner {
  return {
    async prepare(input, about) {
      const suffixes = { requestSuffix: "", responseSuffix: "" };
      const files = await createWorkspace(spool, input, { ...about, ...suffixes });
      return { files, run: (order, onEvent) => act({ ...order, files }, onEvent) };
    },
  };
}
