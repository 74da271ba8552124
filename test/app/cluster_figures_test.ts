import assert from "node:assert/strict";
import { figuresOf } from "../../src/app/cluster_figures.ts";
import type { ClusterState, NodeSummary } from "../../src/cluster/cluster_state.ts";

function nodeOf(state: NodeSummary["state"], differs: readonly string[] = []): NodeSummary {
  const about = { id: state, name: state, version: "0.0.0", sinceSec: 1 };
  return { ...about, state, workers: 1, busy: 0, places: 0, differs };
}

const pool = { name: "default", limit: 26, unfinished: 7, undelivered: 1 };

const state: ClusterState = {
  node: "1",
  group: "default",
  connected: true,
  serverVersion: "2.10.27",
  reconnections: 2,
  nodes: [nodeOf("up"), nodeOf("up", ["a", "b"]), nodeOf("draining", ["a"])],
  lost: 3,
  pools: [pool],
};

Deno.test("figuresOf() counts machines by state, and each command that differs once", () => {
  assert.deepEqual(figuresOf(state, false), {
    connected: true,
    reconnections: 2,
    nodes: { up: 2, draining: 1, lost: 3 },
    differing: 2,
    queues: [{ name: undefined, limit: 26, messages: 7, heldResults: 1 }],
  });
});

Deno.test("figuresOf() names the queues after their pools if these have names", () => {
  const other = { name: "pdf", limit: 1, unfinished: undefined, undelivered: 0 };
  assert.deepEqual(figuresOf({ ...state, pools: [pool, other] }, true).queues, [
    { name: "default", limit: 26, messages: 7, heldResults: 1 },
    { name: "pdf", limit: 1, messages: undefined, heldResults: 0 },
  ]);
});
