import assert from "node:assert/strict";
import type { Names } from "../../src/jobs/job.ts";
import { warmEndReasons, warmStartReasons } from "../../src/jobs/warm.ts";
import { expose } from "../support/exposition.ts";

const thumbs: Names = { command: "thumbs", pool: "office" };
const pdf: Names = { command: "pdf", pool: "pdf" };
const ofThumbs = 'command="thumbs",pool="office"';

Deno.test("/metrics has nothing of warm processes until warmOf() is called, then all their series, with 0", async () => {
  const { metrics, sample } = expose();
  assert.deepEqual(await sample("# TYPE jobrunner_warm"), []);
  metrics.warmOf(undefined);
  assert.deepEqual(await sample("jobrunner_warm_"), [
    'jobs_total{start="warm"} 0',
    'jobs_total{start="cold"} 0',
    "processes 0",
    ...warmStartReasons.map((why) => `starts_total{why="${why}"} 0`),
    ...warmEndReasons.map((why) => `ends_total{why="${why}"} 0`),
    "stray_bytes_total 0",
  ]);
});

Deno.test("warmOf() counts each command by itself, and twice for the same names in the same series", async () => {
  const { metrics, sample } = expose({}, []);
  const counts = metrics.warmOf(thumbs);
  metrics.warmOf(pdf).started("boot");
  counts.started("boot");
  counts.started("boot");
  counts.ended("protocol");
  metrics.warmOf({ ...thumbs }).started("ahead");
  counts.dropped(7);
  counts.dropped(5);
  counts.jobEnded(true);
  counts.jobEnded(false);
  counts.jobEnded(true);
  const valuesOf = async (name: string) =>
    (await sample(`jobrunner_warm_${name}{${ofThumbs}`)).filter((line) => !line.endsWith(" 0"));
  assert.deepEqual(await valuesOf("processes"), ["} 2"]);
  assert.deepEqual(await valuesOf("starts_total"), [',why="boot"} 2', ',why="ahead"} 1']);
  assert.deepEqual(await valuesOf("ends_total"), [',why="protocol"} 1']);
  assert.deepEqual(await valuesOf("stray_bytes_total"), ["} 12"]);
  assert.deepEqual(await valuesOf("jobs_total"), [',start="warm"} 2', ',start="cold"} 1']);
  assert.deepEqual(await sample('jobrunner_warm_processes{command="pdf"'), [',pool="pdf"} 1']);
});
