/**
 * Small clients beside a bully, which has many open requests: what a fair queue, which needs tokens, changes.
 *
 * @module
 */

import { fairFigures, type FairTurns } from "../fair_figures.ts";
import { runLoad } from "../load_process.ts";
import type { FairPlan, FairResult } from "../loads/fair.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { sleepForPayload, writeScript } from "../script.ts";
import { startServer } from "../server.ts";
import { takeTurns } from "../turns.ts";
import { writeTokens } from "../tokens.ts";

const bullyRequests = 60;
const smallClients = 3;
const queueLimit = 30;
const runMs = 100;
const thinkMs = 2 * runMs;
const longRunMs = 10 * runMs;
const loneJobs = 5;

/** Turns with long jobs are longer. */
const longTurn = 2;

/** One kind of turn. */
interface Side {
  /** The further lines of the bully's token; undefined for a server without tokens. */
  readonly bullyToken: string | undefined;
  readonly bullyRunMs: number;
}

/** `fair`. */
export const fair: Scenario = {
  name: "fair",
  async run(bench) {
    const { rounds, fairSeconds, workers } = bench.settings;
    const maxRunning = `max_running = ${workers - 1}`;
    const equal = {
      fifo: { bullyToken: undefined, bullyRunMs: runMs },
      fair: { bullyToken: "", bullyRunMs: runMs },
    };
    const long = {
      fifoLong: { bullyToken: undefined, bullyRunMs: longRunMs },
      fairLong: { bullyToken: "", bullyRunMs: longRunMs },
      limitedLong: { bullyToken: maxRunning, bullyRunMs: longRunMs },
    };
    const command = writeScript(bench.folder, sleepForPayload);
    const measure = (side: Side, seconds: number) => measureTurn(bench, { command, side, seconds });
    bench.say(`${rounds} rounds of ${fairSeconds} s for each queue`);
    const equalTurns = await takeTurns(equal, Array(rounds).fill(fairSeconds), measure);
    bench.say(`jobs of the bully that take 10 times as long, ${longTurn * fairSeconds} s each`);
    const longTurns = await takeTurns(long, [longTurn * fairSeconds], measure);
    const turns: FairTurns = { ...equalTurns, ...longTurns };
    return {
      setup:
        `requests of ${smallClients} clients that send a job of ${runMs / 1000} s and think, ` +
        `beside a bully with ${bullyRequests} open requests, ${workers} workers, queue ` +
        `${queueLimit}; FIFO: without tokens, fair: each client has a token; ${rounds} turns of ` +
        `${fairSeconds} s for each; long jobs: those of the bully take ${
          longRunMs / 1000
        } s, one ` +
        `turn of ${longTurn * fairSeconds} s; max_running: ${workers - 1} for the bully`,
      figures: fairFigures(turns),
      details: turns,
    };
  },
};

/** Each turn has a server of its own, which is idle at first, so that a lone client can be measured. */
async function measureTurn(
  { settings, folder, signal }: Bench,
  { command, side, seconds }: {
    readonly command: string;
    readonly side: Side;
    readonly seconds: number;
  },
): Promise<FairResult> {
  const { bullyToken, bullyRunMs } = side;
  const smallNames = Array.from({ length: smallClients }, (_, index) => [`small${index}`, ""]);
  const tokens = bullyToken === undefined
    ? undefined
    : writeTokens(folder, { bully: bullyToken, ...Object.fromEntries(smallNames) });
  const [bully = "", ...small] = tokens?.texts ?? [];
  const options = { command, workers: settings.workers, queueLimit, folder };
  await using server = await startServer(
    tokens ? { ...options, tokensFile: tokens.file } : options,
    signal,
  );
  const result = await runLoad<FairPlan, FairResult>("fair", server, {
    ...(tokens ? { tokens: { bully, small } } : {}),
    bullyRequests,
    bullyRunMs,
    smallClients,
    runMs,
    thinkMs,
    loneJobs,
    seconds,
  }, { expectedSec: seconds + queueLimit * bullyRunMs / 1000, signal });
  await server.stop();
  return result;
}
