import assert from "node:assert/strict";
import { postJobs } from "../../bench/loads/jobs.ts";
import { serverEnvironment } from "../../bench/server.ts";
import { tokenFigures } from "../../bench/token_figures.ts";
import { writeTokens } from "../../bench/tokens.ts";
import type { Turn } from "../../bench/turns.ts";
import { temporaryFolder } from "../support/folder.ts";
import { configure } from "../support/machine.ts";
import { digestOf } from "../support/tokens.ts";

Deno.test("writeTokens() writes a tokens file for the tokens that it returns, with their limits", () => {
  using folder = temporaryFolder();
  const { file, texts } = writeTokens(folder.path, { bully: "max_running = 2", small: "" });
  const read = configure({ JOBRUNNER_CMD: "/bin/true" }, { tokens: Deno.readTextFileSync(file) });
  assert.ok(read.ok, JSON.stringify(read));
  assert.deepEqual(
    read.config.http.tokens?.map(({ name, digests, scopes, maxRunning }) => ({
      name,
      digests,
      scopes,
      maxRunning,
    })),
    [
      { name: "bully", digests: [digestOf(texts[0] ?? "")], scopes: ["submit"], maxRunning: 2 },
      {
        name: "small",
        digests: [digestOf(texts[1] ?? "")],
        scopes: ["submit"],
        maxRunning: Infinity,
      },
    ],
  );
});

Deno.test("serverEnvironment() names a tokens file only if there is one", () => {
  const options = { command: "/bin/true", workers: 3, queueLimit: 8, folder: "/nowhere" };
  assert.equal(serverEnvironment(options)["JOBRUNNER_TOKENS_FILE"], undefined);
  const tokensFile = "/nowhere/tokens.toml";
  assert.equal(serverEnvironment({ ...options, tokensFile })["JOBRUNNER_TOKENS_FILE"], tokensFile);
});

/** The Authorization headers of three clients that post a job each; none is answered before the last one. */
async function authorizations(tokens?: readonly string[]) {
  const seen: (string | null)[] = [];
  const all = Promise.withResolvers<void>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      if (seen.push(request.headers.get("authorization")) === 3) all.resolve();
      await all.promise;
      return new Response("{}");
    },
  );
  const { hostname, port } = server.addr;
  await postJobs({
    address: { hostname, port },
    path: "/payload",
    body: "{}",
    right: "2xx",
    jobs: 3,
    clients: 3,
    ...(tokens ? { tokens } : {}),
  });
  return seen.sort();
}

Deno.test("postJobs() gives each client one token, or none", async () => {
  assert.deepEqual(await authorizations(["a", "b"]), ["Bearer a", "Bearer a", "Bearer b"]);
  assert.deepEqual(await authorizations(), [null, null, null]);
});

const turn = (changes: Partial<Turn> = {}): Turn => ({
  jobs: 100,
  seconds: 1,
  cpuMsPerJob: 0.5,
  latencyP50Ms: 2,
  latencyP99Ms: 4,
  ...changes,
});

Deno.test("tokenFigures() compares round by round, so that drift cancels out", () => {
  const rounds = [1, 2, 8].map((slowness) => ({
    open: [turn({ seconds: slowness, cpuMsPerJob: slowness })],
    tokens: [turn({ seconds: slowness * 2, cpuMsPerJob: slowness * 1.25 })],
  }));
  const ratios = tokenFigures(rounds).filter(({ name }) => name.endsWith("Ratio"));
  assert.deepEqual(
    ratios.map(({ name, min, max, goal, met }) => ({ name, min, max, goal, met })),
    [
      { name: "jobsRatio", min: 0.5, max: 0.5, goal: undefined, met: undefined },
      { name: "cpuRatio", min: 1.25, max: 1.25, goal: { atMost: 1.03 }, met: false },
    ],
  );
});

Deno.test("tokenFigures() divides all jobs of a round by the whole time of its turns", () => {
  const round = {
    open: [turn({ jobs: 100, seconds: 1 }), turn({ jobs: 300, seconds: 3, cpuMsPerJob: 0.25 })],
    tokens: [turn({ jobs: 100, seconds: 1 }), turn({ jobs: 100, seconds: 3 })],
  };
  const medians = tokenFigures([round]).map(({ name, median }) => [name, median]);
  assert.deepEqual(medians, [
    ["openJobsPerSec", 100],
    ["tokensJobsPerSec", 50],
    ["jobsRatio", 0.5],
    ["openCpuMsPerJob", 0.3125],
    ["tokensCpuMsPerJob", 0.5],
    ["cpuRatio", 1.6],
  ]);
});

Deno.test("tokenFigures() omits the CPU where it was not measured", () => {
  const unknown = [turn({ cpuMsPerJob: undefined })];
  const names = tokenFigures([{ open: unknown, tokens: unknown }]).map(({ name }) => name);
  assert.deepEqual(names, ["openJobsPerSec", "tokensJobsPerSec", "jobsRatio"]);
});
