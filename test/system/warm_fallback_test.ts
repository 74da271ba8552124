/**
 * Warm processes that are not there when a job comes: it is started as any other then.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { openFilesIn } from "../support/open_files.ts";
import { childrenOf, eventually } from "../support/processes.ts";
import { filesIn, spoolIn } from "../support/spool.ts";
import {
  hasEnded,
  idlePids,
  onWarm,
  plain,
  runPython,
  total,
  warmCounts,
} from "../support/warm_program.ts";

/** How many processes have exited while they were idle. */
async function idleDeaths(url: string): Promise<number> {
  return (await warmCounts(url)).ends["idle_death"] ?? 0;
}

Deno.test("a command that reads no standard input works as it does cold, and is started ahead less and less", async () => {
  await onWarm({ JOBRUNNER_CMD: "/bin/date +%N" }, async ({ url, run }) => {
    const seen = new Set<string>();
    // After k deaths in a row, 2^k - 1 ends of jobs are followed by no start.
    const startsAfter = [2, 6, 14];
    await eventually("the first has exited", async () => await idleDeaths(url) === 1);
    for (let job = 1; job <= 20; job++) {
      const { output, error, json } = await run("x");
      assert.deepEqual([json["ending"], json["exit_status"], error], ["exited", 0, ""]);
      assert.deepEqual([json["warm"], json["message"]], [undefined, undefined]);
      assert.match(output, /^\d{9}\n$/);
      seen.add(output);
      const deaths = 1 + startsAfter.filter((number) => number <= job).length;
      await eventually("it has exited", async () => await idleDeaths(url) === deaths);
    }
    assert.equal(seen.size, 20);
    const { starts, ends, jobs, processes, strayBytes } = await warmCounts(url);
    assert.deepEqual([starts, jobs], [{ boot: 1, ahead: 3, job: 20 }, { cold: 20 }]);
    assert.deepEqual([ends, processes], [{ idle_death: 4, job: 20 }, 0]);
    assert.equal(strayBytes, 4 * 10);
    assert.equal((await statusOf(url)).worker_states[0]?.warm, undefined);
  });
});

Deno.test("a program that is missing fails each job as it does cold, and serves warm soon after it is there", async () => {
  using programs = temporaryFolder();
  const JOBRUNNER_CMD = `${programs.path}/later.py`;
  await onWarm({ JOBRUNNER_CMD }, async ({ url, run }) => {
    await eventually("the first start has failed", async () => await idleDeaths(url) === 1);
    for (let job = 0; job < 3; job++) {
      const { json } = await run(plain);
      assert.deepEqual([json["ending"], json["exit_status"]], ["not_started", 127]);
      assert.match(String(json["message"]), /^cannot run .*later.py: /);
    }
    Deno.symlinkSync(runPython, JOBRUNNER_CMD);
    const cold = await run(plain);
    assert.deepEqual([cold.output.startsWith("1 "), cold.json["warm"]], [true, undefined]);
    const warm = await run(plain);
    assert.deepEqual([warm.output.startsWith("2 "), warm.json["warm"]], [true, true]);
  });
});

Deno.test("a process that exits while it is idle costs no job: the next one starts its own, which stays", async () => {
  await onWarm({}, async ({ url, run, idle, folder, program }) => {
    const pid = await idle();
    await run(`when("${folder}/exit", lambda: os._exit(5))`);
    await idle();
    Deno.writeTextFileSync(`${folder}/exit`, "");
    const line = await program.line("a warm process exited between two jobs");
    assert.match(
      line,
      new RegExp(`exit_status=5 .*process.pid=${pid}|process.pid=${pid} .*exit_status=5`),
    );
    const cold = await run(plain);
    assert.deepEqual([cold.output.slice(0, 2), cold.json["warm"]], ["1 ", undefined]);
    const next = await idle();
    assert.equal((await run(plain)).output, `2 ${next} test\n`);
    const { starts, ends, jobs } = await warmCounts(url);
    assert.deepEqual([starts, ends], [{ boot: 1, job: 1 }, { idle_death: 1 }]);
    assert.deepEqual(jobs, { warm: 2, cold: 1 });
  });
});

Deno.test("a process that is killed while it is idle costs no job", async () => {
  await onWarm({}, async ({ run, idle, program }) => {
    const pid = await idle();
    Deno.kill(pid, "SIGKILL");
    assert.match(await program.line("a warm process exited between two jobs"), /signal=SIGKILL/);
    assert.match((await run(plain)).output, /^1 \d+ test\n$/);
  });
});

Deno.test("a process that has closed its standard input costs no job: the next one gets a process of its own", async () => {
  await onWarm({}, async ({ url, run, idle, folder }) => {
    const pid = await idle();
    await run(`
blocks.close()
end()
wait_for("${folder}/never")`);
    await idle();
    const { output, json } = await run(plain);
    assert.deepEqual([output.slice(0, 2), json["warm"]], ["1 ", undefined]);
    await hasEnded(pid);
    const next = await idle();
    assert.equal((await run(plain)).output, `2 ${next} test\n`);
    assert.deepEqual((await warmCounts(url)).ends, { idle_death: 1 });
  });
});

const stuck = {
  "has read only a part of its block": {
    env: { JOBRUNNER_CMD: "sh -c 'read -r line && exec sleep 600'" },
    prepare: () => {},
  },
  "is stopped by a signal": { env: {}, prepare: (pid: number) => Deno.kill(pid, "SIGSTOP") },
} as const;

for (const [what, { env, prepare }] of Object.entries(stuck)) {
  Deno.test(`a job of a process that ${what} ends by its timeout, and the process is killed and replaced`, async () => {
    await onWarm(env, async ({ run, idle }) => {
      const pid = await idle();
      prepare(pid);
      const { json } = await run("x", { timeoutSec: 0.2 });
      assert.deepEqual([json["ending"], json["warm"]], ["timed_out", true]);
      await hasEnded(pid);
      assert.notEqual(await idle(), pid);
    });
  });
}

Deno.test("a process serves at most so many jobs, and the next one is there before the next job", async () => {
  await onWarm({ JOBRUNNER_WARM_MAX_JOBS: "2" }, async ({ url, run, idle }) => {
    for (const count of [1, 2, 1, 2, 1]) {
      const pid = await idle();
      assert.equal((await run(plain)).output, `${count} ${pid} test\n`);
    }
    const { starts, ends } = await warmCounts(url);
    assert.deepEqual([starts, ends], [{ boot: 1, ahead: 2 }, { recycled: 2 }]);
  });
});

Deno.test("500 jobs of eight clients leave no process with more than its share, and nothing else", async () => {
  const env = { JOBRUNNER_WARM_MAX_JOBS: "7", JOBRUNNER_NUM_WORKERS: "3" };
  await onWarm(env, async ({ url, run, program, spool }) => {
    const jobsOf = new Map<string, number>();
    let left = 500;
    const clients = Array.from({ length: 8 }, async () => {
      while (left-- > 0) {
        const { output, error, json } = await run("print(os.getpid())");
        assert.deepEqual([error, json["exit_status"]], ["", 0]);
        jobsOf.set(output, (jobsOf.get(output) ?? 0) + 1);
      }
    });
    await Promise.all(clients);
    const pids = await idlePids(url, 3);
    const counts = [...jobsOf.values()];
    assert.ok(counts.every((count) => count <= 7), counts.join());
    assert.ok(counts.filter((count) => count < 7).length <= 3, counts.join());
    const { starts, ends, jobs, strayBytes } = await warmCounts(url);
    assert.deepEqual([total(jobs), strayBytes], [500, 0]);
    assert.deepEqual(Object.keys(ends), ["recycled"]);
    assert.equal(total(starts), total(ends) + 3);
    await eventually("the others are gone", () => childrenOf(program.pid).length === 3);
    assert.deepEqual(childrenOf(program.pid).sort(), pids.sort());
    assert.equal(filesIn(spoolIn(spool)).length, 3 * 3, "a folder with two files for each");
    assert.equal(openFilesIn(spoolIn(spool), program.pid).length, 3 * 2);
  });
});

Deno.test("a process is replaced when it is old, while it is idle or after its job, never during a job", async () => {
  await onWarm({ JOBRUNNER_WARM_MAX_AGE_SEC: "0.5" }, async ({ url, run, idle }) => {
    const first = await idle();
    await eventually("the idle one is replaced", async () => await idle() !== first);
    const { output, json } = await run("time.sleep(0.7); print(os.getpid())");
    assert.equal(json["exit_status"], 0);
    await hasEnded(Number(output));
    const { starts, ends } = await warmCounts(url);
    assert.equal(ends["recycled"], total(ends));
    assert.equal(starts["boot"], 1);
  });
});
