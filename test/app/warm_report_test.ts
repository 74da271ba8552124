import assert from "node:assert/strict";
import { warmListener } from "../../src/app/warm_report.ts";
import type { Names } from "../../src/jobs/job.ts";
import type { Fields } from "../../src/telemetry/log.ts";
import { expose } from "../support/exposition.ts";

/** A listener, the log lines that it writes, and its clock. */
function report(names: Names | undefined) {
  const { metrics, sample } = expose();
  const lines: [string, Fields | undefined][] = [];
  const clock = { ms: 0 };
  const listener = warmListener(
    {
      log: {
        write: (message, fields) => void lines.push([message, fields]),
        flush: () => assert.fail("nobody waits for these lines"),
      },
      metrics,
    },
    names,
    () => clock.ms,
  );
  return { listener, lines, clock, sample };
}

const dead = { pid: 42, workerId: 3, exitStatus: 137, signal: "SIGKILL" };

Deno.test("warmListener() counts starts, ends and stray bytes in the series of its command", async () => {
  const { listener, lines, sample } = report({ command: "thumbs", pool: "office" });
  listener.started("boot");
  listener.started("job");
  listener.ended("idle_death");
  listener.dropped(5);
  const ofThumbs = '{command="thumbs",pool="office"';
  assert.deepEqual(await sample(`jobrunner_warm_processes${ofThumbs}`), ["} 1"]);
  assert.deepEqual(
    await sample(`jobrunner_warm_ends_total${ofThumbs},why="idle_death"`),
    ["} 1"],
  );
  assert.deepEqual(await sample(`jobrunner_warm_stray_bytes_total${ofThumbs}`), ["} 5"]);
  assert.deepEqual(lines, []);
});

Deno.test("warmListener() logs what goes wrong, with command and pool if they have names", () => {
  const names = { command: "thumbs", pool: "office" };
  for (const named of [undefined, names]) {
    const { listener, lines } = report(named);
    listener.diedIdle(dead);
    listener.strayed({ pid: 43, workerId: 1 });
    listener.notStarted({ workerId: 2, reason: "no memory" });
    assert.deepEqual(lines, [
      ["a warm process exited between two jobs", {
        ...named,
        worker_id: 3,
        "process.pid": 42,
        exit_status: 137,
        signal: "SIGKILL",
      }],
      ["a warm process wrote between two jobs and was replaced", {
        ...named,
        worker_id: 1,
        "process.pid": 43,
      }],
      ["a warm process could not be started before its job", {
        ...named,
        worker_id: 2,
        reason: "no memory",
      }],
    ]);
  }
});

Deno.test("warmListener() logs each kind of event at most once a minute", () => {
  const { listener, lines, clock } = report(undefined);
  const all = () => {
    listener.diedIdle(dead);
    listener.strayed(dead);
    listener.notStarted({ workerId: 3, reason: "no memory" });
  };
  for (const ms of [0, 1, 59_999]) {
    clock.ms = ms;
    all();
  }
  assert.equal(lines.length, 3);
  clock.ms = 60_000;
  all();
  all();
  assert.equal(lines.length, 6);
});
