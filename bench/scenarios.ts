/**
 * What there is to measure, in the order in which it is measured.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";
import type { Scenario } from "./scenario.ts";
import { adapters } from "./scenarios/adapters.ts";
import { beside } from "./scenarios/beside.ts";
import { bytes } from "./scenarios/bytes.ts";
import { cluster } from "./scenarios/cluster.ts";
import { fair } from "./scenarios/fair.ts";
import { largePayload } from "./scenarios/large_payload.ts";
import { latency } from "./scenarios/latency.ts";
import { memory } from "./scenarios/memory.ts";
import { metricsPage } from "./scenarios/metrics_page.ts";
import { otherServer, otherTarget } from "./scenarios/other_server.ts";
import { smallJobs } from "./scenarios/small_jobs.ts";
import { starts } from "./scenarios/starts.ts";
import { tokens } from "./scenarios/tokens.ts";
import { waiting } from "./scenarios/waiting.ts";
import { warm } from "./scenarios/warm.ts";
import type { Settings } from "./settings.ts";

const ours = [
  smallJobs,
  latency,
  metricsPage,
  largePayload,
  bytes,
  beside,
  waiting,
  fair,
  tokens,
  starts,
  memory,
  warm,
  adapters,
  cluster,
];

/**
 * Those that `BENCH_ONLY` names; without it the other server if there is one, else all of ours.
 * Throws a `BenchFailure` for an unknown name, and for another server that cannot be used.
 */
export function chooseScenarios(settings: Settings): readonly Scenario[] {
  const chosen = namedBy(settings);
  // Checked now, not minutes later when its turn comes.
  if (chosen.includes(otherServer)) otherTarget(settings);
  return chosen;
}

function namedBy({ only, url }: Settings): readonly Scenario[] {
  if (!only) return url === undefined ? ours : [otherServer];
  const all = [...ours, otherServer];
  const unknown = only.filter((name) => !all.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    const names = all.map(({ name }) => name).join(", ");
    throw new BenchFailure(
      `BENCH_ONLY=${only.join(",")}: ${unknown.join(", ")} is not one of: ${names}`,
    );
  }
  return all.filter(({ name }) => only.includes(name));
}
