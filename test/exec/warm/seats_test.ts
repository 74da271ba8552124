import assert from "node:assert/strict";
import { fileExists } from "../../support/folder.ts";
import { eventually, isAlive } from "../../support/processes.ts";
import { onWarmStage, type WarmStage } from "../../support/warm.ts";

/** Starts a process for each of these workers, and returns their ids. */
async function started(stage: WarmStage, workers: readonly number[]): Promise<number[]> {
  const command = stage.command();
  stage.serve([command], workers.length);
  for (const workerId of workers) await stage.run(command, "end 0", { workerId });
  return pidsOf(stage, workers);
}

function pidsOf({ seats }: WarmStage, workers: readonly number[]): number[] {
  return workers.map((workerId) => seats.stateOf(workerId)?.pid ?? 0);
}

/** What the only command of a pool is given with. */
const onlyOf = (stage: WarmStage, size: number, more = {}) => {
  const only = stage.command(more);
  return { commands: new Map([[only.settings.name, only]]), only, size };
};

Deno.test("Seats.replace() starts a process for each worker if there is one command", async () => {
  await onWarmStage(async (stage) => {
    stage.seats.replace(onlyOf(stage, 3));
    await eventually("there are three", () => pidsOf(stage, [1, 2, 3]).every((pid) => pid > 0));
    assert.equal(new Set(pidsOf(stage, [1, 2, 3])).size, 3);
    assert.equal(stage.seats.stateOf(4), undefined);
    assert.deepEqual(stage.lines, Array(3).fill("started boot"));
    const state = stage.seats.stateOf(1);
    assert.ok(state && state.sinceMs >= 0 && state.jobs === 0);
  });
});

Deno.test("Seats.replace() keeps the processes of a command that starts the same way", async () => {
  await onWarmStage(async (stage) => {
    const pids = await started(stage, [1, 2]);
    stage.seats.replace(onlyOf(stage, 3, { maxJobs: 2 }));
    await eventually("the third is there", () => stage.seats.stateOf(3) !== undefined);
    assert.deepEqual(pidsOf(stage, [1, 2]), pids);
    const { end } = await stage.run(onlyOf(stage, 3).only, "end 0");
    assert.equal(end.pid, pids[0]);
    await eventually("the new limit counts", () => !isAlive(pids[0] ?? 0));
  });
});

Deno.test("Seats.replace() replaces the idle processes of a changed command one after the other", async () => {
  await onWarmStage(async (stage) => {
    const pids = await started(stage, [1, 2, 3]);
    stage.seats.replace(onlyOf(stage, 3, { requestSuffix: ".in" }));
    await eventually(
      "all are new",
      () => pidsOf(stage, [1, 2, 3]).every((pid) => pid > 0 && !pids.includes(pid)),
    );
    assert.deepEqual(stage.lines, [
      ...Array(3).fill("started job"),
      ...Array(3).fill(["ended recycled", "started boot"]).flat(),
    ]);
  });
});

Deno.test("Seats.replace() replaces the busy process of a changed command after its job", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    const { folder } = stage;
    const running = stage.run(command, `: >${folder}/runs; wait_for ${folder}/go; end 3`);
    await fileExists(`${folder}/runs`);
    const changed = stage.command({ requestSuffix: ".in" });
    stage.serve([changed]);
    Deno.writeTextFileSync(`${folder}/go`, "");
    const { end } = await running;
    assert.deepEqual(end.ending, { kind: "exited", exitStatus: 3 });
    const next = await stage.run(changed, "end 0");
    assert.notEqual(next.end.pid, end.pid);
    assert.equal((await stage.run(changed, "end 0")).end.pid, next.end.pid);
  });
});

Deno.test("Seats.replace() ends idle processes of commands that are gone at once", async () => {
  await onWarmStage(async (stage) => {
    const pids = await started(stage, [1, 2]);
    stage.serve([stage.command({ name: "other" })], 2);
    assert.deepEqual(pidsOf(stage, [1, 2]), [0, 0]);
    await eventually("they have exited", () => !pids.some(isAlive));
    assert.deepEqual(stage.lines.slice(2), ["ended recycled", "ended recycled"]);
  });
});

Deno.test("Seats.replace() ends idle processes of workers that are gone at once", async () => {
  await onWarmStage(async (stage) => {
    const pids = await started(stage, [1, 2]);
    stage.serve([stage.command()], 1);
    assert.deepEqual(pidsOf(stage, [1, 2]), [pids[0], 0]);
    await eventually("it has exited", () => !isAlive(pids[1] ?? 0));
  });
});

Deno.test("Seats.replace() does not keep a process that was being started for a command that is gone or changed", async () => {
  for (const change of [{ name: "other" }, { requestSuffix: ".in" }]) {
    await onWarmStage(async (stage) => {
      const command = stage.command();
      stage.serve([command]);
      const starting = stage.seats.of(1).startAhead("boot", command);
      const next = stage.command(change);
      stage.serve([next]);
      await starting;
      assert.deepEqual(stage.lines, ["started boot", "ended recycled"]);
      if (change.name) return;
      await eventually("one of the changed command is there", () => stage.lines.length === 3);
      assert.equal((await stage.run(next, "end 0")).end.warm, true);
    });
  }
});

Deno.test("Seats.beginClose() ends idle processes and starts none ahead, but jobs still run", async () => {
  await onWarmStage(async (stage) => {
    const pids = await started(stage, [1]);
    const command = stage.command();
    stage.seats.beginClose();
    await eventually("it has exited", () => !pids.some(isAlive));
    assert.equal(stage.seats.stateOf(1), undefined);
    await stage.seats.of(1).startAhead("boot", command);
    assert.equal(stage.seats.stateOf(1), undefined);
    const { stdout } = await stage.run(command, "echo ran; end 0");
    assert.equal(stdout, "ran\n");
  });
});

Deno.test("Seats.beginClose() ends a process that is being started", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    const starting = stage.seats.of(1).startAhead("boot", command);
    stage.seats.beginClose();
    await starting;
    assert.equal(stage.seats.stateOf(1), undefined);
  });
});

Deno.test("Seats.close() resolves when all processes are gone, those that leave too", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({ graceMs: 1 });
    stage.serve([command], 2);
    const leaving = await stage.run(command, "end 0 leaving; exec sleep 600");
    const idle = await stage.run(command, "end 0", { workerId: 2 });
    await stage.seats.close();
    assert.deepEqual([leaving, idle].map(({ end }) => isAlive(end.pid ?? 0)), [false, false]);
    await stage.seats.close();
  });
});

Deno.test("Seats.cut() kills processes that ignore the end of their input, those whose job ends later too", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command], 2);
    const { folder } = stage;
    const idle = await stage.run(command, "end 0; exec sleep 600");
    const running = stage.run(
      command,
      `: >${folder}/runs; wait_for ${folder}/go; end 0; exec sleep 600`,
      { workerId: 2 },
    );
    await fileExists(`${folder}/runs`);
    stage.seats.cut();
    await eventually("the idle one is killed", () => !isAlive(idle.end.pid ?? 0));
    Deno.writeTextFileSync(`${folder}/go`, "");
    const { end } = await running;
    await stage.seats.close();
    assert.equal(isAlive(end.pid ?? 0), false);
  });
});
