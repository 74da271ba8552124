/**
 * What becomes of warm processes when the server stops or is killed.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { fileExists } from "../support/folder.ts";
import { eventually, isAlive, markedIn, pidIn } from "../support/processes.ts";
import { type Program, secondSignal, startProgram } from "../support/program.ts";
import { faulty } from "../support/stage.ts";
import {
  deaf,
  expectGone,
  hasEnded,
  idlePids,
  onWarm,
  plain,
  warmPids,
} from "../support/warm_program.ts";

/** A script that waits for a file and shows its process. */
function held(folder: string): string {
  return `
open("${folder}/started.new", "w").write(str(os.getpid()))
os.rename("${folder}/started.new", "${folder}/started")
wait_for("${folder}/release")
print(os.getpid())`;
}

/** Begins a stop. */
async function stopping(program: Program): Promise<{ readonly exit: Promise<number> }> {
  const exit = program.stop();
  await program.line("stopping");
  return { exit };
}

Deno.test("a drain finishes the jobs of warm processes, then ends all processes, also one that ignores both requests to exit", async () => {
  await onWarm({ JOBRUNNER_NUM_WORKERS: "3" }, async ({ url, run, folder, program }) => {
    await idlePids(url, 3);
    await run(deaf(`${folder}/deaf`, true));
    await fileExists(`${folder}/deaf`);
    const ignorant = pidIn(folder, "deaf");
    const running = run(held(folder));
    await fileExists(`${folder}/started`);
    const busy = pidIn(folder, "started");
    const all = await warmPids(url);
    assert.equal(all.filter((pid) => ![ignorant, busy].includes(pid)).length, 1);
    const stop = await stopping(program);
    await eventually("the idle ones have ended", () => all.filter(isAlive).length === 1);
    Deno.writeTextFileSync(`${folder}/release`, "");
    assert.equal((await running).output, `${busy}\n`);
    assert.equal(await stop.exit, 0);
    assert.deepEqual(all.filter(isAlive), []);
  });
});

Deno.test("a job that waits during a drain still gets the process of its worker", async () => {
  await onWarm({}, async ({ url, run, folder, program, idle }) => {
    const pid = await idle();
    const running = run(held(folder));
    await fileExists(`${folder}/started`);
    const waiting = run(plain);
    await eventually("it waits", async () => (await statusOf(url)).queued_jobs === 1);
    const stop = await stopping(program);
    Deno.writeTextFileSync(`${folder}/release`, "");
    assert.equal((await running).output, `${pid}\n`);
    const { output, json } = await waiting;
    assert.deepEqual([output, json["warm"]], [`1 ${pid} test\n`, true]);
    assert.equal(await stop.exit, 0);
  });
});

Deno.test("a job that waits during a drain is started if its worker's process has exited", async () => {
  await onWarm({}, async ({ url, run, folder, program, idle }) => {
    await idle();
    const running = run(`${held(folder)}\nsys.stdout.flush()\nos._exit(3)`);
    await fileExists(`${folder}/started`);
    const waiting = run(plain);
    await eventually("it waits", async () => (await statusOf(url)).queued_jobs === 1);
    const stop = await stopping(program);
    Deno.writeTextFileSync(`${folder}/release`, "");
    assert.equal((await running).json["exit_status"], 3);
    const { output, json } = await waiting;
    assert.match(output, /^1 \d+ test\n$/);
    assert.equal(json["warm"], undefined);
    assert.equal(await stop.exit, 0);
  });
});

Deno.test("a second signal kills processes that do not exit, and ends jobs of warm processes with an answer", async () => {
  const env = { JOBRUNNER_NUM_WORKERS: "2", JOBRUNNER_KILL_GRACE_SEC: "600" };
  await onWarm(env, async ({ url, run, folder, program }) => {
    await idlePids(url, 2);
    await run(deaf(`${folder}/deaf`, false));
    await fileExists(`${folder}/deaf`);
    const running = run(held(folder));
    await fileExists(`${folder}/started`);
    const stop = await stopping(program);
    await secondSignal(program);
    const { json } = await running;
    assert.deepEqual([json["ending"], json["signal"]], ["shutdown", "SIGTERM"]);
    assert.equal(await stop.exit, 1);
    assert.ok(!isAlive(pidIn(folder, "deaf")));
  }, { exitCode: 1 });
});

Deno.test("a stop without any job waits only for processes that do not exit, and a second signal ends that", async () => {
  await onWarm({ JOBRUNNER_KILL_GRACE_SEC: "600" }, async ({ run, folder, program }) => {
    await run(deaf(`${folder}/deaf`, false));
    await fileExists(`${folder}/deaf`);
    const stop = await stopping(program);
    assert.ok(isAlive(pidIn(folder, "deaf")));
    await secondSignal(program);
    assert.equal(await stop.exit, 0);
    assert.ok(!isAlive(pidIn(folder, "deaf")));
  });
});

Deno.test("processes of a killed server end by themselves, and those that do not are killed by the next server", async () => {
  await onWarm({ JOBRUNNER_NUM_WORKERS: "2" }, async ({ url, run, folder, program, spool }) => {
    await idlePids(url, 2);
    await run(deaf(`${folder}/deaf`, true));
    await fileExists(`${folder}/deaf`);
    const ignorant = pidIn(folder, "deaf");
    const other = (await warmPids(url)).find((pid) => pid !== ignorant) ?? 0;
    await program.stop("SIGKILL");
    await hasEnded(other);
    assert.deepEqual(markedIn(spool), [ignorant]);
    await using next = await startProgram({
      env: {
        JOBRUNNER_CMD: "true",
        JOBRUNNER_SPOOL_DIR: spool,
        JOBRUNNER_KILL_GRACE_SEC: "0.3",
      },
    });
    assert.match(await next.line("removed leftovers of a dead server"), /processes_ended=1/);
    assert.ok(!isAlive(ignorant));
    assert.equal(await next.stop(), 0);
  }, { exitCode: 137 });
});

Deno.test("a server that is killed while its warm processes have jobs leaves nothing that the next server does not end", async () => {
  await onWarm({ JOBRUNNER_NUM_WORKERS: "2" }, async ({ url, run, folder, program, spool }) => {
    await idlePids(url, 2);
    const lost = run(`open("${folder}/started", "w").close(); time.sleep(600)`).catch(() => "lost");
    await fileExists(`${folder}/started`);
    await program.stop("SIGKILL");
    assert.equal(await lost, "lost");
    await eventually("the idle one has left", () => markedIn(spool).length === 1);
    await using next = await startProgram({
      env: { JOBRUNNER_CMD: "true", JOBRUNNER_SPOOL_DIR: spool },
    });
    await next.line("removed leftovers of a dead server");
    assert.equal(await next.stop(), 0);
    expectGone(spool);
  }, { exitCode: 137 });
});

for (const workers of [1, 20]) {
  Deno.test(`a stop while ${workers} processes are being started leaves none of them`, async () => {
    await onWarm({ JOBRUNNER_NUM_WORKERS: String(workers) }, async ({ program }) => {
      assert.equal(await program.stop(), 0);
    });
  });
}

for (const bug of ["vanishes", "hangs"]) {
  Deno.test(`main kills all warm processes of a service that ${bug}, whether they are idle or not`, async () => {
    const env = { JOBRUNNER_NUM_WORKERS: "2" };
    await onWarm(env, async ({ url, run, folder, program, spool }) => {
      await idlePids(url, 2);
      await run(deaf(`${folder}/deaf`, true));
      await fileExists(`${folder}/deaf`);
      const lost = run(`
open(job["JOBRUNNER_JOB_DIR"] + "/${bug}", "w").close()
time.sleep(600)`).catch(() => "lost");
      assert.equal(await program.exit, 1);
      assert.equal(await lost, "lost");
      expectGone(spool);
    }, { ...faulty, exitCode: 1 });
  });
}
