import assert from "node:assert/strict";
import { createColdStart } from "../../src/exec/cold_start.ts";
import { createScratch } from "../../src/exec/pipe.ts";
import { commandHere } from "../support/commands.ts";
import { fixture } from "../support/program.ts";
import { testRunner } from "../support/runner_suite.ts";

testRunner({
  name: "a cold start",
  create: ({ words = [fixture("run_payload.sh")], jobTimeoutMs = Infinity }) =>
    createColdStart({
      command: commandHere(words),
      commandEnv: { PATH: Deno.env.get("PATH") ?? "" },
      launcher: undefined,
      mend: () => assert.fail("nothing is to be mended"),
      scratch: createScratch(),
      jobTimeoutMs,
      trees: {
        // These commands have no children.
        endTree: ({ pid }) => Promise.resolve(Deno.kill(pid, "SIGKILL")),
        endHolders: () => Promise.resolve(),
      },
    }),
});
