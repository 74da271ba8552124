/**
 * A scrape of the metrics.
 *
 * @module
 */

import { figure } from "../figure.ts";
import { runLoad } from "../load_process.ts";
import type { PagePlan, PageResult } from "../loads/page.ts";
import { runJobs, smallJob } from "../round.ts";
import type { Scenario } from "../scenario.ts";
import { startServer } from "../server.ts";
import { warmUpJobs } from "../settings.ts";

/** `metrics`. */
export const metricsPage: Scenario = {
  name: "metrics",
  async run({ settings, program, folder, signal, say }) {
    const { workers, clients, fetches } = settings;
    const options = { command: program, workers, queueLimit: clients, folder };
    await using server = await startServer(options, signal);
    await runJobs(server, { ...smallJob, jobs: warmUpJobs, clients }, signal);
    const rounds: PageResult[] = [];
    while (rounds.length < settings.rounds) {
      say(`round ${rounds.length + 1} of ${settings.rounds}: ${fetches} scrapes`);
      rounds.push(
        await runLoad<PagePlan, PageResult>("page", server, { path: "/metrics", fetches }, {
          expectedSec: fetches / 20,
          signal,
        }),
      );
    }
    await server.stop();
    const goal = { atMost: 2 };
    return {
      setup: `GET /metrics after ${warmUpJobs} jobs, ${fetches} scrapes in each of ` +
        `${settings.rounds} rounds`,
      figures: [
        ...figure(
          { name: "p50Ms", label: "GET /metrics p50, ms", digits: 2, goal },
          rounds.map(({ p50Ms }) => p50Ms),
        ),
        ...figure(
          { name: "p99Ms", label: "GET /metrics p99, ms", digits: 2, goal },
          rounds.map(({ p99Ms }) => p99Ms),
        ),
      ],
      details: rounds,
    };
  },
};
