import assert from "node:assert/strict";
import {
  byteFigures,
  latencyFigures,
  type LatencyRound,
  spreadFigures,
} from "../../bench/cluster_figures.ts";
import type { Figure } from "../../bench/figure.ts";
import { serverEnvironment } from "../../bench/server.ts";

const medians = (figures: readonly Figure[]) =>
  Object.fromEntries(figures.map(({ name, median }) => [name, Math.round(median * 1000) / 1000]));

/** Turns whose p99 is twice their p50. */
const turnsOf = (...p50s: readonly number[]) => p50s.map((p50Ms) => ({ p50Ms, p99Ms: 2 * p50Ms }));

const round: LatencyRound = {
  roundTrip: turnsOf(0.4, 0.5, 9),
  alone: turnsOf(1, 2, 3),
  own: turnsOf(2.5, 2.6, 2.7),
  remote: turnsOf(3.5, 3, 4),
};

Deno.test("latencyFigures() adds to the job of a server without NATS, in the medians of a round's turns", () => {
  assert.deepEqual(medians(latencyFigures("one", "", [round])), {
    oneRoundTripP50Ms: 0.5,
    oneAloneP50Ms: 2,
    oneOwnAddedP50Ms: 0.6,
    oneAddedP50Ms: 1.5,
    oneAddedRatio: 3,
    oneAddedP99Ms: 3,
  });
});

Deno.test("latencyFigures() has a goal for one NATS server only", () => {
  const ratioOf = (prefix: "one" | "three") =>
    latencyFigures(prefix, "", [round]).find(({ name }) => name === `${prefix}AddedRatio`);
  assert.equal(ratioOf("one")?.met, true);
  assert.equal(ratioOf("three")?.goal, undefined);
});

Deno.test("latencyFigures() is empty without a round", () => {
  assert.deepEqual(latencyFigures("three", "", []), []);
});

Deno.test("spreadFigures() takes that many servers without NATS as the ideal of each round", () => {
  const figures = spreadFigures([
    { alone: 100, machines: [100, 190, 150] },
    { alone: 200, machines: [200, 380, 300] },
  ]);
  assert.deepEqual(medians(figures), {
    aloneJobsPerSec: 150,
    machines1JobsPerSec: 150,
    machines1Share: 1,
    machines2JobsPerSec: 285,
    machines2Share: 0.95,
    machines3JobsPerSec: 225,
    machines3Share: 0.5,
  });
  assert.deepEqual(figures.flatMap(({ met }) => met ?? []), [true, true, false]);
});

Deno.test("byteFigures() has the peaks of memory after the last round, if they were measured", () => {
  const seconds = { aloneSec: 0.5, remoteSec: 1.5 };
  const figures = byteFigures([
    { ...seconds, frontPeakBytes: 100e6, executorPeakBytes: 110e6 },
    { ...seconds, frontPeakBytes: 120e6, executorPeakBytes: undefined },
  ]);
  assert.deepEqual(medians(figures), { bytesAloneSec: 0.5, bytesRemoteSec: 1.5, frontPeakMb: 120 });
});

Deno.test("serverEnvironment() has settings of NATS only for a server that shares its queue", () => {
  const options = { command: "/bin/true", workers: 3, queueLimit: 8, folder: "/nowhere" };
  const natsOf = (environment: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(environment).filter(([name]) => name.includes("NATS")));
  assert.deepEqual(natsOf(serverEnvironment(options)), {});
  const group = { natsUrl: "nats://127.0.0.1:4222", name: "bench", replicas: 3 };
  assert.deepEqual(natsOf(serverEnvironment({ ...options, group })), {
    JOBRUNNER_NATS_URL: "nats://127.0.0.1:4222",
    JOBRUNNER_NATS_GROUP: "bench",
    JOBRUNNER_NATS_REPLICAS: "3",
  });
});
