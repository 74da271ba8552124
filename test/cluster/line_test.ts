import { mostArriving } from "../../src/jobs/line.ts";
import { createMachines } from "../support/cluster.ts";
import { testLine } from "../support/line_suite.ts";

testLine({
  name: "a shared queue, one machine",
  async open(size) {
    const machines = createMachines();
    const { line } = await machines.join(size);
    return {
      line,
      pass: (ms) => machines.clock.pass(ms),
      async [Symbol.asyncDispose]() {
        machines[Symbol.dispose]();
        await Promise.resolve();
      },
    };
  },
  about: { command: "default" },
  bound: ({ workers, places }) => workers + places,
  mostArriving,
  order: (filled) => filled,
  refusesAtFill: true,
});
