/**
 * Many clients that wait behind one job that does not end: memory, order, and how fast the server
 * answers `GET /status` meanwhile.
 *
 * @module
 */

import { join } from "node:path";
import { outputOf } from "../command.ts";
import { figure } from "../figure.ts";
import { runLoad, startLoad } from "../load_process.ts";
import type { PagePlan, PageResult } from "../loads/page.ts";
import { meterOf } from "../proc.ts";
import { numberText, placeholder } from "../request.ts";
import { runJobs, smallJob } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { quoted, writeScript } from "../script.ts";
import { startServer } from "../server.ts";

/** Files that the server and the clients have open beside their connections. */
const otherFiles = 200;

/** `waiting`. */
export const waiting: Scenario = {
  name: "waiting",
  async run(bench) {
    const { waiting: clients, rounds: times } = bench.settings;
    const setup = `${clients} clients in the queue behind a job that does not end, ${times} rounds`;
    const files = await openFileLimit(bench.signal);
    if (files < clients + otherFiles) {
      const sentence = `${clients} waiting clients: only ${files} files may be open (ulimit -Hn)`;
      return { setup, figures: [], leftOut: [sentence] };
    }
    const rounds: Awaited<ReturnType<typeof measureLine>>[] = [];
    for (let round = 1; round <= times; round++) {
      bench.say(`round ${round} of ${times}: ${clients} clients`);
      rounds.push(await measureLine(bench, round));
    }
    return {
      setup,
      figures: [
        ...figure(
          { name: "kbPerClient", label: "memory per client, KB", digits: 1, goal: { atMost: 60 } },
          rounds.map(({ bytesPerClient }) =>
            bytesPerClient === undefined ? undefined : bytesPerClient / 1000
          ),
        ),
        ...figure(
          { name: "outOfOrder", label: "jobs out of order", digits: 0, goal: { atMost: 0 } },
          rounds.map(({ outOfOrder }) => outOfOrder),
        ),
        ...figure(
          { name: "statusP50Ms", label: "GET /status p50, ms", digits: 2 },
          rounds.map(({ status }) => status.p50Ms),
        ),
        ...figure(
          { name: "statusP99Ms", label: "GET /status p99, ms", digits: 2, goal: { atMost: 20 } },
          rounds.map(({ status }) => status.p99Ms),
        ),
      ],
      details: rounds,
    };
  },
};

/** Each round has a server of its own: what one queue leaves in memory must not count in the next. */
async function measureLine({ settings, folder, signal }: Bench, round: number) {
  const { waiting: clients, fetches } = settings;
  const release = join(folder, `release-${round}`);
  const order = join(folder, `order-${round}`);
  Deno.writeTextFileSync(order, "");
  const command = writeScript(folder, {
    name: `hold-${round}`,
    lines: [
      // Only the jobs that wait for the measurement are held; those of the warm-up are not.
      'case "$JOBRUNNER_REQUEST_ID" in bench-*) exit 0 ;; esac',
      `while [ ! -e ${quoted(release)} ] && [ -d ${quoted(folder)} ]; do sleep 0.05; done`,
      `echo "$JOBRUNNER_REQUEST_ID" >> ${quoted(order)}`,
    ],
  });
  const options = { command, workers: 1, queueLimit: clients, folder };
  await using server = await startServer(options, signal);
  // A server that is asked to stop waits for the running job, so that job is released first.
  using held = { [Symbol.dispose]: () => Deno.writeTextFileSync(release, "") };
  const meter = await meterOf(server.pid, signal);
  const fetchStatus = (count: number) =>
    runLoad<PagePlan, PageResult>("page", server, { path: "/status", fetches: count }, {
      expectedSec: count / 50,
      signal,
    });
  // Compiled code, and garbage of the clients' status requests, must not count as the queue's.
  await runJobs(server, { ...smallJob, jobs: 200, clients: 1 }, signal);
  await fetchStatus(clients);

  const before = meter.residentBytes();
  await using line = startLoad("line", server, {
    body: `{"id":"waiting-${placeholder}","data":"aGVsbG8="}`,
    waiting: clients,
  }, { expectedSec: clients / 20 + fetches / 50, signal });
  await line.next();
  const after = meter.residentBytes();
  const status = await fetchStatus(fetches);
  held[Symbol.dispose]();
  await line.next();
  await server.stop();

  const ids = Deno.readTextFileSync(order).trimEnd().split("\n");
  const expected = Array.from({ length: clients + 1 }, (_, i) => `waiting-${numberText(i)}`);
  return {
    beforeBytes: before,
    afterBytes: after,
    bytesPerClient: before === undefined || after === undefined
      ? undefined
      : (after - before) / clients,
    outOfOrder: expected.filter((id, index) => ids[index] !== id).length,
    status,
  };
}

/** Deno raises its own limit to the hard one, so that is what the server and the clients have. */
async function openFileLimit(signal: AbortSignal): Promise<number> {
  const text = (await outputOf("/bin/sh", ["-c", "ulimit -H -n"], signal)).trim();
  return text === "unlimited" ? Infinity : Number(text);
}
