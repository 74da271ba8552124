import assert from "node:assert/strict";
import { BenchFailure } from "../../bench/failure.ts";
import { postJobs } from "../../bench/loads/jobs.ts";
import { serverEnvironment } from "../../bench/server.ts";
import type { Turn } from "../../bench/turns.ts";
import { warmFigures, type WarmRound } from "../../bench/warm_figures.ts";
import { requireWarm, warmShareOf } from "../../bench/warm_share.ts";

const turn = (changes: Partial<Turn> = {}): Turn => ({
  jobs: 100,
  seconds: 1,
  cpuMsPerJob: 0.5,
  latencyP50Ms: 2,
  latencyP99Ms: 4,
  ...changes,
});

const figuresOf = (rounds: readonly WarmRound[]) =>
  Object.fromEntries(warmFigures(rounds).map((figure) => [figure.name, figure]));

Deno.test("warmFigures() divides all jobs of a round by the whole time of its turns", () => {
  const figures = figuresOf([{
    cold: [turn({ jobs: 100, seconds: 1 }), turn({ jobs: 100, seconds: 3 })],
    keep: [turn({ jobs: 300, cpuMsPerJob: 0.25 }), turn({ jobs: 100, cpuMsPerJob: 0.0625 })],
  }]);
  assert.equal(figures["coldJobsPerSec"]?.median, 50);
  assert.equal(figures["keepJobsPerSec"]?.median, 200);
  assert.deepEqual([figures["jobsRatio"]?.median, figures["jobsRatio"]?.met], [4, true]);
  assert.equal(figures["keepCpuMsPerJob"]?.median, 0.203125);
  assert.deepEqual([figures["cpuRatio"]?.median, figures["cpuRatio"]?.met], [0.40625, false]);
});

Deno.test("warmFigures() compares round by round, so that drift cancels out", () => {
  const rounds = [1, 2, 10].map((slowness) => ({
    cold: [turn({ seconds: slowness, cpuMsPerJob: slowness })],
    keep: [turn({ seconds: slowness / 2, cpuMsPerJob: slowness / 2 })],
  }));
  const ratios = warmFigures(rounds).filter(({ name }) => name.endsWith("Ratio"));
  assert.deepEqual(
    ratios.map(({ name, min, max, met }) => [name, min, max, met]),
    [["jobsRatio", 2, 2, false], ["cpuRatio", 0.5, 0.5, false]],
  );
});

Deno.test("warmFigures() omits the CPU where it was not measured, and its ratio to none", () => {
  const unknown = turn({ cpuMsPerJob: undefined });
  const without = figuresOf([{ cold: [unknown], keep: [turn()] }]);
  assert.deepEqual([without["coldCpuMsPerJob"], without["cpuRatio"]], [undefined, undefined]);
  assert.equal(without["keepCpuMsPerJob"]?.median, 0.5);
  const none = figuresOf([{ cold: [turn({ cpuMsPerJob: 0 })], keep: [turn()] }]);
  assert.equal(none["cpuRatio"], undefined);
});

const metrics = (warm: number, cold: number) =>
  `# TYPE jobrunner_warm_jobs_total counter
jobrunner_warm_jobs_total{start="warm"} ${warm}
jobrunner_warm_jobs_total{start="cold"} ${cold}
jobrunner_warm_processes 3
`;

Deno.test("warmShareOf() returns the share of jobs whose process was there", () => {
  assert.equal(warmShareOf(metrics(30, 10)), 0.75);
  assert.equal(warmShareOf(metrics(0, 0)), NaN);
  assert.equal(warmShareOf("jobrunner_jobs_total 3\n"), NaN);
});

/** A server on loopback that answers everything with this text, and the number of its requests. */
function serve(text: string) {
  const seen = { requests: 0 };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    seen.requests++;
    return new Response(text);
  });
  const { hostname, port } = server.addr;
  return {
    address: { hostname, port },
    seen,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("requireWarm() rejects unless at least half of the jobs found their process", async () => {
  await using ready = serve(metrics(10, 10));
  await requireWarm(ready.address);
  for (const page of [metrics(9, 10), metrics(0, 0), ""]) {
    await using other = serve(page);
    await assert.rejects(requireWarm(other.address), BenchFailure);
  }
});

Deno.test("postJobs() begins no job when its time is over, and all of them without one", async () => {
  await using server = serve("{}");
  const plan = {
    address: server.address,
    path: "/payload",
    body: "{}",
    right: "2xx",
    jobs: 10,
    clients: 2,
  } as const;
  assert.equal((await postJobs({ ...plan, seconds: 0 })).jobs, 0);
  assert.equal(server.seen.requests, 0);
  const { jobs, failures } = await postJobs(plan);
  assert.deepEqual([jobs, failures, server.seen.requests], [10, 0, 10]);
});

Deno.test("serverEnvironment() sets what the options name and leaves the rest to the defaults", () => {
  const options = { command: "/bin/true", workers: 3, queueLimit: 8, folder: "/nowhere" };
  const { JOBRUNNER_WARM, JOBRUNNER_OWN_SESSION } = serverEnvironment(options);
  assert.deepEqual([JOBRUNNER_WARM, JOBRUNNER_OWN_SESSION], [undefined, undefined]);
  const set = serverEnvironment({ ...options, warm: true, ownSession: false });
  assert.deepEqual([set["JOBRUNNER_WARM"], set["JOBRUNNER_OWN_SESSION"]], ["on", "off"]);
});
