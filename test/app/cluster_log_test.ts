import assert from "node:assert/strict";
import { clusterLog } from "../../src/app/cluster_log.ts";
import type { Fields } from "../../src/telemetry/log.ts";
import { specOf } from "../support/jobs.ts";

/** What is logged, and where. */
function logger() {
  const lines: [string, Fields | undefined][] = [];
  const log = {
    write: (message: string, fields?: Fields) => void lines.push([message, fields]),
    flush: () => Promise.resolve(),
  };
  return { lines, log };
}

const one = { id: "1", name: "one" };
const two = { id: "2", name: "two" };
const job = specOf("a", { token: "ci" });
const ids = { request_id: "request-of-a", trace_id: undefined, span_id: undefined, id: "a" };

Deno.test("clusterLog() names job and machines, and command and pool only with a configuration file", () => {
  for (const named of [true, false]) {
    const { lines, log } = logger();
    const report = clusterLog(log, named);
    report.rerun("office", job, one, two);
    report.lost("office", job, one);
    report.lost("office", job, undefined);
    report.republished("office", job);
    report.unclaimed("office", job, one, "undelivered");
    report.unclaimed("office", job, one, "unwanted");
    report.usable("office");
    const about = {
      ...ids,
      ...(named ? { command: "default", pool: "office" } : {}),
      token: "ci",
    };
    const at = { node: "one", node_id: "1" };
    const front = { front: "one", front_id: "1" };
    assert.deepEqual(lines, [
      [
        "a job is run again: what its machine did with it is lost",
        { ...about, ...at, next_node: "two", next_node_id: "2" },
      ],
      ["a job was lost: no machine may run it again", { ...about, ...at }],
      ["a job was lost: no machine may run it again", about],
      ["a job was put into the queue again: NATS had lost it", about],
      [
        "a result was given up: the machine of its client did not take it",
        { ...about, ...front },
      ],
      ["a result was not wanted by the machine of its client", { ...about, ...front }],
      ["the queue is shared", named ? { pool: "office" } : {}],
    ]);
  }
});

Deno.test("clusterLog() says which machines come, go and have other commands", () => {
  const { lines, log } = logger();
  const report = clusterLog(log, true);
  report.joined(one, "1.2.3");
  report.differs(one, ["pdf", "thumbs"]);
  report.departed(one, "left");
  report.departed(two, "dead");
  assert.deepEqual(lines, [
    ["a machine has joined the group", { node: "one", node_id: "1", version: "1.2.3" }],
    [
      "commands differ on another machine of the group",
      { commands: "pdf,thumbs", node: "one", node_id: "1" },
    ],
    ["a machine has left the group", { node: "one", node_id: "1" }],
    ["a machine of the group gives no sign of life", { node: "two", node_id: "2" }],
  ]);
});

Deno.test("clusterLog() writes at most one line a minute about messages that are not understood", () => {
  const { lines, log } = logger();
  let now = 0;
  const report = clusterLog(log, true, () => now);
  for (now = 0; now <= 60_000; now += 30_000) report.misunderstood(`at ${now}`);
  assert.deepEqual(lines.map(([, fields]) => fields?.["detail"]), ["at 0", "at 60000"]);
});
