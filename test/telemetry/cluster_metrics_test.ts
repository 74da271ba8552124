import assert from "node:assert/strict";
import { claimAnswers, clusterHops } from "../../src/telemetry/catalogue.ts";
import type { ClusterFigures } from "../../src/telemetry/cluster_metrics.ts";
import { expose, exposeCluster, someCluster } from "../support/exposition.ts";
import { projectRoot } from "../support/program.ts";

const golden = `${projectRoot}test/telemetry/metrics_of_a_group.txt`;

/** The lines about machines that share their queues, and all others. */
function parted(text: string): readonly [string, string] {
  const lines = text.split(/^/m);
  const isOfCluster = (line: string) => line.includes("jobrunner_cluster_");
  return [
    lines.filter(isOfCluster).join(""),
    lines.filter((line) => !isOfCluster(line)).join(""),
  ];
}

Deno.test("/metrics has nothing of a group on a machine of its own, and the rest is the same in a group", async () => {
  const alone = await expose().exposition.text();
  const exposed = expose();
  exposeCluster(exposed).of(undefined);
  const [ofCluster, rest] = parted(await exposed.exposition.text());
  assert.equal(parted(alone)[0], "");
  assert.equal(rest, alone);
  assert.notEqual(ofCluster, "");
});

Deno.test("/metrics of a machine in a group, without a configuration file", async () => {
  const exposed = expose();
  const metrics = exposeCluster(exposed);
  const queue = metrics.of(undefined);
  for (const answer of ["run", "run", "held", "gone"] as const) queue.claimed(answer);
  queue.redelivered();
  queue.republished();
  queue.unclaimed();
  queue.unclaimed();
  metrics.hop("publish", 0.0004);
  metrics.hop("publish", 0.002);
  metrics.hop("claim", 0.25);
  const [ofCluster] = parted(await exposed.exposition.text());
  assert.equal(ofCluster, Deno.readTextFileSync(golden));
});

Deno.test("of() makes the counters of a queue exist from 0, and counts each pool by itself", async () => {
  const exposed = expose({}, []);
  const metrics = exposeCluster(exposed);
  const { sample } = exposed;
  assert.deepEqual(await sample("jobrunner_cluster_claims_total"), []);
  metrics.of("office");
  metrics.of("pdf").claimed("lost");
  metrics.of("pdf").redelivered();
  assert.deepEqual(
    await sample("jobrunner_cluster_claims_total"),
    ["office", "pdf"].flatMap((pool) =>
      claimAnswers.map((answer) =>
        `{pool="${pool}",answer="${answer}"} ${pool === "pdf" && answer === "lost" ? 1 : 0}`
      )
    ),
  );
  assert.deepEqual(await sample("jobrunner_cluster_redeliveries_total"), [
    '{pool="office"} 0',
    '{pool="pdf"} 1',
  ]);
  for (const name of ["republished", "results_unclaimed"]) {
    assert.deepEqual(await sample(`jobrunner_cluster_${name}_total`), [
      '{pool="office"} 0',
      '{pool="pdf"} 0',
    ]);
  }
});

Deno.test("createClusterMetrics() makes the series of every hop exist from the start", async () => {
  const exposed = expose();
  exposeCluster(exposed);
  assert.deepEqual(
    await exposed.sample("jobrunner_cluster_hop_duration_seconds_count"),
    clusterHops.map((hop) => `{hop="${hop}"} 0`),
  );
});

Deno.test("observeCluster() reads the figures at each scrape, and leaves out what is not known", async () => {
  let figures: ClusterFigures = { ...someCluster, connected: false, queues: [] };
  const exposed = expose();
  exposeCluster(exposed, () => figures);
  const { sample } = exposed;
  assert.deepEqual(await sample("jobrunner_cluster_connected"), [" 0"]);
  assert.deepEqual(await sample("jobrunner_cluster_queue_limit"), []);
  figures = {
    ...someCluster,
    queues: [
      { name: "office", limit: 26, messages: undefined, heldResults: 0 },
      { name: "pdf", limit: 1, messages: 1, heldResults: 2 },
    ],
  };
  assert.deepEqual(await sample("jobrunner_cluster_connected"), [" 1"]);
  assert.deepEqual(await sample("jobrunner_cluster_queue_limit"), [
    '{pool="office"} 26',
    '{pool="pdf"} 1',
  ]);
  assert.deepEqual(await sample("jobrunner_cluster_queue_messages"), ['{pool="pdf"} 1']);
  assert.deepEqual(await sample("jobrunner_cluster_held_results"), [
    '{pool="office"} 0',
    '{pool="pdf"} 2',
  ]);
});
