/**
 * `contrib/prometheus`, `contrib/grafana` and `docs/reference/metrics.md` with a real Prometheus that scrapes a real server.
 */

import assert from "node:assert/strict";
import { clusterHops } from "../../src/telemetry/catalogue.ts";
import { get, post, postRaw } from "../support/client.ts";
import {
  expose,
  exposeCluster,
  someCluster,
  somePool,
  someProcess,
} from "../support/exposition.ts";
import { temporaryFolder } from "../support/folder.ts";
import { queriesOfThePage } from "../support/metrics_page.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";
import { fixture, projectRoot, runProgram, startProgram } from "../support/program.ts";

const contrib = `${projectRoot}contrib/prometheus`;

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Prometheus extends AsyncDisposable {
  /** The answer to an instant query. Throws when the query fails. */
  query(expression: string): Promise<readonly Sample[]>;
}

/**
 * Starts Prometheus with the configuration of contrib, with `target` and a short scrape interval. `tokenFile` holds the token
 * that it sends; it sends none without one.
 */
async function startPrometheus(
  folder: string,
  target: string,
  tokenFile?: string,
): Promise<Prometheus> {
  for (const name of ["alerts.yml", "recording.yml"]) {
    Deno.copyFileSync(`${contrib}/${name}`, `${folder}/${name}`);
  }
  let config = Deno.readTextFileSync(`${contrib}/prometheus.yml`)
    .replaceAll("15s", "200ms").replace("127.0.0.1:8080", target);
  if (tokenFile !== undefined) {
    config = config.replace(/#(authorization:\n *)#( *credentials_file: ).*/, `$1$2${tokenFile}`);
    assert.ok(config.includes(tokenFile));
  }
  assert.ok(config.includes(target));
  Deno.writeTextFileSync(`${folder}/prometheus.yml`, config);
  const address = `127.0.0.1:${freePort()}`;
  const process = new Deno.Command("prometheus", {
    args: [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  await eventually(
    "Prometheus is ready",
    () => get(`http://${address}/-/ready`).then(({ status }) => status === 200, () => false),
  );
  return {
    async query(expression) {
      const { text } = await get(
        `http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`,
      );
      const { status, data, error } = JSON.parse(text);
      assert.equal(status, "success", `${expression}: ${error}`);
      return data.result.map((
        { metric, value }: { metric: Record<string, string>; value: [number, string] },
      ) => ({ labels: metric, value: Number(value[1]) }));
    },
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      await process.status;
    },
  };
}

/** The value of a query with one sample. */
async function valueOf({ query }: Prometheus, expression: string): Promise<number | undefined> {
  return (await query(expression))[0]?.value;
}

Deno.test("Prometheus scrapes with a token of the scope metrics, and not with another one", async () => {
  using folder = temporaryFolder();
  const made = await runProgram({ args: ["token", "new", "prometheus"] });
  const tokenFile = `${folder.path}/token`;
  Deno.writeTextFileSync(tokenFile, made.stdout);
  const tokens = `${folder.path}/tokens.toml`;
  const withScope = (scope: string) =>
    Deno.writeTextFileSync(tokens, made.stderr.replace('"submit"', `"${scope}"`));
  withScope("metrics");
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_TOKENS_FILE: tokens },
  });
  const { host } = new URL(program.url);
  await using prometheus = await startPrometheus(folder.path, host, tokenFile);
  await eventually("it is scraped", async () => await valueOf(prometheus, "up") === 1);
  assert.equal(await valueOf(prometheus, "sum(jobrunner_jobs_total)"), 0);
  withScope("status");
  Deno.kill(program.pid, "SIGHUP");
  await eventually("it is refused", async () => await valueOf(prometheus, "up") === 0);
});

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

function queriesOfTheDashboard(): string[] {
  const { panels } = JSON.parse(
    Deno.readTextFileSync(`${projectRoot}contrib/grafana/jobrunner.json`),
  ) as { readonly panels: readonly Panel[] };
  return panels.flatMap(({ targets }) => targets).map(({ expr }) =>
    expr.replaceAll("$__rate_interval", "1m").replaceAll("$job", "jobrunner")
      .replaceAll("$instance", ".*").replaceAll("$command", ".*")
  );
}

/**
 * With the queries of metrics that only a server with a configuration file, a warm command or a shared queue has, or without
 * them.
 */
async function checkEveryQuery(
  { query }: Prometheus,
  { withAll }: { withAll: boolean },
): Promise<void> {
  const queries = [...queriesOfThePage(), ...queriesOfTheDashboard()]
    .filter((expression) => withAll || !/jobrunner_(config|warm|cluster)_/.test(expression));
  assert.ok(queries.length > 50, String(queries.length));
  for (const expression of queries) {
    const samples = await query(expression);
    assert.ok(samples.length > 0, `no sample: ${expression}`);
    for (const { value } of samples) assert.ok(Number.isFinite(value), `${value}: ${expression}`);
  }
}

Deno.test("Prometheus scrapes the right counts, and every query of page and dashboard has a result", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_NUM_WORKERS: "2",
      JOBRUNNER_MAX_OUTPUT_BYTES: "1000",
    },
  });
  const { url } = program;
  await using prometheus = await startPrometheus(folder.path, new URL(url).host);
  // The counters must have been seen at 0 before they grow.
  await eventually(
    "it was scraped twice",
    async () => (await valueOf(prometheus, "count_over_time(up[1m])") ?? 0) >= 2,
  );
  for (let job = 0; job < 8; job++) {
    await post(url, job % 4 === 3 ? "exit 1" : "head -c 2000 /dev/zero");
  }
  for (let request = 0; request < 3; request++) await postRaw(url, "{");
  await eventually(
    "everything was scraped",
    async () =>
      await valueOf(prometheus, "sum(jobrunner_jobs_total)") === 8 &&
      await valueOf(prometheus, "sum(jobrunner_requests_rejected_total)") === 3,
  );

  const byOutcome = new Map(
    (await prometheus.query("sum by (outcome) (jobrunner_jobs_total)")).map((
      { labels, value },
    ) => [labels["outcome"], value]),
  );
  assert.equal(byOutcome.get("success"), 6);
  assert.equal(byOutcome.get("failed"), 2);
  assert.equal(await valueOf(prometheus, "jobrunner_job_duration_seconds_count"), 8);
  assert.equal(await valueOf(prometheus, "jobrunner_job_queue_wait_seconds_count"), 8);
  assert.equal(
    await valueOf(prometheus, 'jobrunner_outputs_truncated_total{output="stdout"}'),
    6,
  );
  assert.equal(
    await valueOf(prometheus, 'jobrunner_requests_rejected_total{reason="invalid"}'),
    3,
  );
  const share = await valueOf(
    prometheus,
    'sum(rate(jobrunner_jobs_total{outcome!="success"}[5m])) / sum(rate(jobrunner_jobs_total[5m]))',
  );
  assert.ok(Math.abs((share ?? 0) - 0.25) < 1e-9, String(share));

  // The old names, from the recording rules.
  await eventually(
    "the rules were evaluated",
    async () => await valueOf(prometheus, "total_jobs") === 8,
  );
  assert.equal(await valueOf(prometheus, "queued_jobs"), 0);
  assert.equal(await valueOf(prometheus, "job_duration_count"), 8);

  await checkEveryQuery(prometheus, { withAll: false });
});

Deno.test("Prometheus counts by command and pool, and every query of page and dashboard has a result with names too", async () => {
  using folder = temporaryFolder();
  const thumbs = { command: "thumbs", pool: "office" };
  const pdf = { command: "pdf", pool: "pdf" };
  const exposed = expose({
    pools: () => [thumbs, pdf].map(({ pool }) => ({ ...somePool, name: pool })),
    process: () => ({ ...someProcess, configReloaded: true }),
  }, [thumbs, pdf]);
  const { exposition, metrics } = exposed;
  const warm = metrics.warmOf(thumbs);
  const cluster = exposeCluster(exposed, () => ({
    ...someCluster,
    queues: someCluster.queues.flatMap((queue) =>
      [thumbs, pdf].map(({ pool }) => ({ ...queue, name: pool }))
    ),
  }));
  for (const { pool } of [thumbs, pdf]) cluster.of(pool);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async () =>
      new Response(await exposition.text(), { headers: { "content-type": "text/plain" } }),
  );
  await using prometheus = await startPrometheus(folder.path, `127.0.0.1:${server.addr.port}`);
  await eventually(
    "it was scraped twice",
    async () => (await valueOf(prometheus, "count_over_time(up[1m])") ?? 0) >= 2,
  );
  for (
    const [names, outcome] of [[thumbs, "failed"], [pdf, "success"], [pdf, "success"]] as const
  ) {
    const jobs = metrics.of(names);
    jobs.jobStarted({ queuedSec: 0.1, payloadBytes: 10 });
    jobs.jobEnded(1, outcome, { elapsedSec: 0.5, resultBytes: 20, truncated: [] });
  }
  warm.started("boot");
  warm.jobEnded(true);
  for (const hop of clusterHops) cluster.hop(hop, 0.002);
  metrics.rejected("queue_full", pdf);
  metrics.rejected("unauthorized");
  // The old names, from the recording rules: the jobs that ended, and one busy worker in each pool.
  await eventually(
    "everything was scraped and the rules were evaluated",
    async () =>
      await valueOf(prometheus, "total_jobs") === 5 &&
      await valueOf(prometheus, "job_duration_count") === 3,
  );
  assert.equal((await prometheus.query("total_jobs")).length, 1);
  assert.equal(await valueOf(prometheus, "queued_jobs"), 24);
  assert.deepEqual(
    (await prometheus.query("sum by (command) (jobrunner_jobs_total)")).map((
      { labels, value },
    ) => [labels["command"], value]).sort(),
    [["pdf", 2], ["thumbs", 1]],
  );
  await checkEveryQuery(prometheus, { withAll: true });
});

async function promtool(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("promtool", { args, cwd: contrib })
    .output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, said);
  return said;
}

Deno.test("promtool accepts the alerts and recording rules, and their tests pass", async () => {
  await promtool("check", "config", "prometheus.yml");
  await promtool("check", "rules", "alerts.yml", "recording.yml");
  assert.match(await promtool("test", "rules", "alerts_test.yml"), /SUCCESS/);
});

/** What `promtool check metrics` says about a text. Throws if it refuses it. */
async function remarksOn(text: string): Promise<string> {
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, said);
  return said;
}

Deno.test("promtool check metrics accepts /metrics without a remark, with names too", async () => {
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh") },
  });
  await post(program.url, "exit 0");
  assert.equal(await remarksOn((await get(`${program.url}/metrics`)).text), "");
  const thumbs = { command: "thumbs", pool: "office" };
  const exposed = expose({ pools: () => [{ ...somePool, name: "office" }] }, [
    thumbs,
    { command: "preview", pool: "office" },
  ]);
  const { exposition, metrics } = exposed;
  metrics.warmOf(thumbs);
  exposeCluster(exposed).of("office");
  assert.equal(await remarksOn(await exposition.text()), "");
});
