import type { JobOutcome } from "../../src/jobs/job.ts";
import { type Line, mostArriving, type Place } from "../../src/jobs/line.ts";
import { createMemoryLine, type MemoryLine } from "../../src/jobs/memory_line.ts";
import { type LineSetup, testLine } from "../support/line_suite.ts";

/** So many places that reserve() never refuses a job of the suite. */
function wideOf({ workers, places }: LineSetup): LineSetup {
  return { workers, places: 2 * (workers + places + 2) };
}

/** A queue that counts filled places only, as one does that lives elsewhere: fill() refuses those beyond the bound. */
function refusingAtFill(line: MemoryLine, bound: number): Line {
  let unfinished = 0;

  function fillIn(place: Place): Place["fill"] {
    return (spec, handle) => {
      if (unfinished >= bound) {
        place.leave();
        const retryAfterSec = line.retryAfterSec();
        return Promise.resolve({ kind: "left", cause: "queue_full", queuedSec: 0, retryAfterSec });
      }
      const outcome: Promise<JobOutcome> = place.fill(spec, handle);
      unfinished++;
      outcome.then(() => unfinished--);
      return outcome;
    };
  }

  return {
    get state() {
      return line.state;
    },
    get waiting() {
      return line.waiting;
    },
    get ended() {
      return line.ended;
    },
    oldestWaitSec: () => line.oldestWaitSec(),
    retryAfterSec: () => line.retryAfterSec(),
    reserve(about, signal) {
      const place = line.reserve(about, signal);
      return place.reserved
        ? {
          reserved: true,
          fill: fillIn(place),
          entered: Promise.resolve(),
          leave: () => place.leave(),
          position: () => place.position(),
        }
        : place;
    },
    take: (stays) => line.take(stays),
    recall: () => line.recall(),
    close: () => line.close(),
    cut: () => line.cut(),
  };
}

testLine({
  name: "a line that refuses at fill()",
  open(setup) {
    let clock = 0;
    const { queueTimeoutMs = Infinity } = setup;
    const wide = createMemoryLine({ ...wideOf(setup), queueTimeoutMs }, () => clock);
    return {
      line: refusingAtFill(wide, setup.workers + setup.places),
      pass: (ms) => void (clock += ms),
      [Symbol.asyncDispose]: () => Promise.resolve(void wide.cut()),
    };
  },
  about: { command: "default" },
  bound: ({ workers, places }) => workers + places,
  mostArriving: (setup) => mostArriving(wideOf(setup)),
  order: (filled) => filled,
  refusesAtFill: true,
});
