/**
 * The metrics of machines that share a queue over a real nats-server: each thing that happens is counted by one of them.
 */

import assert from "node:assert/strict";
import { openLink } from "../../src/cluster/nats.ts";
import { get, post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { type NatsServer, startNatsServer } from "../support/nats_server.ts";
import { eventually } from "../support/processes.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";

/** Starts a machine. */
function start(
  { address }: NatsServer,
  env: Readonly<Record<string, string>>,
): Promise<Program> {
  return startProgram({ env: { JOBRUNNER_NATS_URL: `nats://${address}`, ...env } });
}

/** Starts a machine that runs payloads as shell scripts; those that hold wait for the file `release`. */
function startMachine(
  server: NatsServer,
  release: string,
  { workers, places }: { readonly workers: number; readonly places: number },
): Promise<Program> {
  return start(server, {
    JOBRUNNER_CMD: fixture("run_payload.sh"),
    JOBRUNNER_NUM_WORKERS: String(workers),
    JOBRUNNER_QUEUE_LIMIT: String(places),
    HOLD_RELEASE: release,
  });
}

const holds = `. ${fixture("hold_until_released.sh")}`;

/** The values of all series of a machine, by what stands before them in a line. */
async function scrape({ url }: Pick<Program, "url">): Promise<ReadonlyMap<string, number>> {
  const { text } = await get(`${url}/metrics`);
  return new Map(
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** Scrapes all machines; returns what each reports, or all together, for the series whose names begin so. */
async function scrapeAll(machines: readonly Program[]) {
  const scraped = await Promise.all(machines.map(scrape));
  const each = (beginning: string) =>
    scraped.map((series) =>
      [...series].filter(([name]) => name.startsWith(beginning))
        .reduce((sum, [, value]) => sum + value, 0)
    );
  const sum = (beginning: string) => each(beginning).reduce((sum, value) => sum + value, 0);
  return { each, sum };
}

/** Waits until the queue of machines is as large as all of them make it, and they know that. */
async function untilJoined(
  { address }: NatsServer,
  machines: readonly Program[],
  limit: number,
): Promise<void> {
  const settings = { servers: [address], tls: undefined, credentials: { kind: "none" } } as const;
  const link = openLink({ ...settings, name: "test" }, () => {});
  await eventually("the queue has its size", async () => {
    const size = await link.size("JR1_default_default").catch(() => undefined);
    return size?.maxMessages === limit;
  });
  await link.close();
  await eventually("the machines know it", async () => {
    const { each } = await scrapeAll(machines);
    return each("jobrunner_cluster_queue_limit").every((value) => value === limit);
  });
}

Deno.test("two machines that share a queue count each job, wait and refusal once, on the machine whose it is", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  await using server = await startNatsServer();
  await using front = await startMachine(server, release, { workers: 0, places: 3 });
  await using executor = await startMachine(server, release, { workers: 2, places: 1 });
  const machines = [front, executor];
  await untilJoined(server, machines, 6);

  const held = Array.from({ length: 9 }, (_, i) => post(front.url, holds, { id: `held${i}` }));
  await eventually("three jobs are refused, and six are in the queue", async () => {
    const { each, sum } = await scrapeAll(machines);
    return sum('jobrunner_requests_rejected_total{reason="queue_full"}') === 3 &&
      each("jobrunner_cluster_queue_messages").every((count) => count === 6);
  });
  const full = await scrapeAll(machines);
  assert.deepEqual(full.each("jobrunner_requests_rejected_total"), [3, 0]);
  assert.deepEqual(full.each("jobrunner_workers_busy"), [0, 2]);
  assert.deepEqual(full.each("jobrunner_queued_jobs"), [4, 0]);
  Deno.writeTextFileSync(release, "");
  const statuses = (await Promise.all(held)).map(({ status }) => status).sort();
  assert.deepEqual(statuses, [...Array(6).fill(200), ...Array(3).fill(503)]);

  await post(front.url, "exit 1");
  for (let i = 0; i < 4; i++) await post(executor.url, "echo from its own client");
  await eventually("all results are delivered", async () => {
    const { each, sum } = await scrapeAll(machines);
    return each("jobrunner_cluster_queue_messages").every((count) => count === 0) &&
      sum('jobrunner_cluster_hop_duration_seconds_count{hop="result"}') === 7;
  });
  const { each } = await scrapeAll(machines);
  const expected: Readonly<Record<string, readonly [number, number]>> = {
    jobrunner_jobs_total: [0, 11],
    jobrunner_job_queue_wait_seconds_count: [7, 4],
    jobrunner_job_duration_seconds_count: [0, 11],
    jobrunner_job_payload_bytes_count: [0, 11],
    jobrunner_job_result_bytes_count: [0, 11],
    jobrunner_requests_rejected_total: [3, 0],
    'http_server_request_duration_seconds_count{http_request_method="POST"': [10, 4],
    jobrunner_workers_busy: [0, 0],
    jobrunner_queued_jobs: [0, 0],
    jobrunner_queue_limit: [3, 1],
    jobrunner_cluster_connected: [1, 1],
    jobrunner_cluster_nodes: [2, 2],
    jobrunner_cluster_differing_commands: [0, 0],
    jobrunner_cluster_queue_limit: [6, 6],
    jobrunner_cluster_held_results: [0, 0],
    jobrunner_cluster_reconnects_total: [0, 0],
    'jobrunner_cluster_claims_total{answer="run"}': [7, 4],
    jobrunner_cluster_redeliveries_total: [0, 0],
    jobrunner_cluster_republished_total: [0, 0],
    jobrunner_cluster_results_unclaimed_total: [0, 0],
    'jobrunner_cluster_hop_duration_seconds_count{hop="publish"}': [7, 4],
    'jobrunner_cluster_hop_duration_seconds_count{hop="result"}': [0, 7],
  };
  const found = Object.fromEntries(Object.keys(expected).map((name) => [name, each(name)]));
  assert.deepEqual(found, expected);
});

Deno.test("a machine that is killed is counted as lost for a minute, and its job waits and ends once in the counts of the others", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  await using server = await startNatsServer();
  await using front = await startMachine(server, release, { workers: 0, places: 3 });
  await using killed = await startMachine(server, release, { workers: 1, places: 0 });
  await untilJoined(server, [front, killed], 4);
  const held = post(front.url, holds, { id: "held" });
  await fileExists(`${folder.path}/started_held`);
  await killed.stop("SIGKILL");
  const sees = async (state: string, count: number) =>
    (await scrape(front)).get(`jobrunner_cluster_nodes{state="${state}"}`) === count;
  await eventually("the front counts it as lost", () => sees("lost", 1));
  assert.ok(await sees("up", 1));
  await using other = await startMachine(server, release, { workers: 1, places: 0 });
  const others = [front, other];
  await eventually("the other machine has the job", async () => {
    const { each } = await scrapeAll(others);
    return each("jobrunner_workers_busy")[1] === 1;
  });
  Deno.writeTextFileSync(release, "");
  assert.equal((await held).status, 200);
  await eventually("the result is delivered", async () => {
    const { sum } = await scrapeAll(others);
    return sum('jobrunner_cluster_hop_duration_seconds_count{hop="result"}') === 1;
  });
  const { each } = await scrapeAll(others);
  assert.deepEqual(each("jobrunner_job_queue_wait_seconds_count"), [1, 0]);
  assert.deepEqual(each("jobrunner_jobs_total"), [0, 1]);
  assert.deepEqual(each('jobrunner_cluster_claims_total{answer="run"}'), [2, 0]);
  assert.equal(each("jobrunner_cluster_redeliveries_total")[0], 0);
  assert.ok((each("jobrunner_cluster_redeliveries_total")[1] ?? 0) >= 1);
  assert.deepEqual(each("jobrunner_cluster_results_unclaimed_total"), [0, 0]);
});

Deno.test("machines with configuration files count by command and pool, and see a command that differs", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  const startWith = (name: string, config: string) => {
    const file = `${folder.path}/${name}.toml`;
    Deno.writeTextFileSync(file, config);
    return start(server, { JOBRUNNER_CONFIG_FILE: file });
  };
  const runPayload = fixture("run_payload.sh");
  await using front = await startWith(
    "front",
    `pools.office = { num_workers = 0, queue_limit = 3 }
pools.pdf = { num_workers = 0, queue_limit = 2 }
commands.thumbs = { cmd = "${runPayload}", pool = "office" }
commands.pdf = { cmd = "${runPayload}", pool = "pdf" }
`,
  );
  await using executor = await startWith(
    "executor",
    `pools.office = { num_workers = 1, queue_limit = 0 }
commands.thumbs = { cmd = "sh ${runPayload}", pool = "office" }
`,
  );
  const machines = [front, executor];
  const valuesOf = async (name: string) =>
    (await Promise.all(machines.map(scrape))).map((series) => series.get(name));
  const ofOffice = '{pool="office"}';
  await eventually("the machines share a queue", async () => {
    const limits = await valuesOf(`jobrunner_cluster_queue_limit${ofOffice}`);
    return limits.every((limit) => limit === 4);
  });
  assert.deepEqual(await valuesOf('jobrunner_cluster_queue_limit{pool="pdf"}'), [2, undefined]);
  assert.deepEqual(await valuesOf("jobrunner_cluster_differing_commands"), [1, 1]);

  const { status } = await post(front.url, "exit 0", { command: "thumbs" });
  assert.equal(status, 200);
  await eventually("the result is delivered", async () => {
    const hops = await valuesOf('jobrunner_cluster_hop_duration_seconds_count{hop="result"}');
    return hops[1] === 1;
  });
  const names = 'command="thumbs",pool="office"';
  const success = `${names},worker_id="1",outcome="success"`;
  assert.deepEqual(await valuesOf(`jobrunner_jobs_total{${success}}`), [undefined, 1]);
  assert.deepEqual(await valuesOf(`jobrunner_job_queue_wait_seconds_count{${names}}`), [1, 0]);
  assert.deepEqual(await valuesOf(`jobrunner_job_duration_seconds_count{${names}}`), [0, 1]);
  const run = 'jobrunner_cluster_claims_total{pool="office",answer="run"}';
  assert.deepEqual(await valuesOf(run), [1, 0]);
  assert.deepEqual(await valuesOf(`jobrunner_cluster_held_results${ofOffice}`), [0, 0]);
  assert.deepEqual(await valuesOf(`jobrunner_cluster_redeliveries_total${ofOffice}`), [0, 0]);
  assert.deepEqual(await valuesOf("jobrunner_cluster_connected"), [1, 1]);
});
