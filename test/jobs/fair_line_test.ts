import { createFairLine } from "../../src/jobs/fair_line.ts";
import { mostArriving } from "../../src/jobs/line.ts";
import { testLine } from "../support/line_suite.ts";

testLine({
  name: "createFairLine()",
  open({ workers, places, queueTimeoutMs = Infinity }) {
    let clock = 0;
    const lanes = new Map([["ci", {}]]);
    const line = createFairLine({ workers, places, queueTimeoutMs, lanes }, () => clock);
    return {
      line,
      pass: (ms) => void (clock += ms),
      [Symbol.asyncDispose]: () => Promise.resolve(void line.cut()),
    };
  },
  about: { command: "default", client: "ci" },
  bound: ({ workers, places }) => workers + places + 1,
  mostArriving: ({ workers, places }) =>
    1 + (places > 0 ? mostArriving({ workers, places }) : Math.floor(workers / 2)),
  order: (filled) => filled,
});
