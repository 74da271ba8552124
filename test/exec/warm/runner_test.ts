import { createWarmRunner } from "../../../src/exec/warm/runner.ts";
import { Seats } from "../../../src/exec/warm/seats.ts";
import { eventually } from "../../support/processes.ts";
import { fixture } from "../../support/program.ts";
import { testRunner } from "../../support/runner_suite.ts";
import { warmCommandOf } from "../../support/warm.ts";

/** Whether a program waits for its job, or has to be over before that. */
const bodies = [
  ["a process for each job", "wait_for_payload.sh", true],
  ["a process for all jobs", "fork_for_payloads.sh", true],
  ["a program that does not read its input", "run_payload.sh", false],
] as const;

for (const [name, program, waits] of bodies) {
  testRunner({
    name: `createWarmRunner() with ${name}`,
    create(spool, { words = [fixture(program)], jobTimeoutMs = Infinity }) {
      const command = warmCommandOf(spool, words, { jobTimeoutMs });
      const seats = new Seats();
      const commands = new Map([[command.settings.name, command]]);
      seats.replace({ commands, only: undefined, size: 2 });
      const runner = createWarmRunner(command, seats);
      return {
        runner: {
          async prepare(input, about) {
            const seat = seats.of(about.workerId);
            await seat.startAhead("boot", command);
            if (!waits) await eventually("it has exited", () => seat.state === undefined);
            return await runner.prepare(input, about);
          },
        },
        close: () => seats.close(),
      };
    },
  });
}
