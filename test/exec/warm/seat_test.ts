import assert from "node:assert/strict";
import { dirname } from "node:path";
import { makeJobFolder } from "../../../src/spool/job_folder.ts";
import { fileExists } from "../../support/folder.ts";
import { eventually, isAlive } from "../../support/processes.ts";
import { fixture } from "../../support/program.ts";
import { nextTurn } from "../../support/turn.ts";
import { onWarmStage, recorder, type WarmStage } from "../../support/warm.ts";

const gate = [fixture("wait_for_payload.sh")];

/** Waits until worker 1 has an idle process, and returns its id. */
async function idlePid({ seats }: WarmStage, isOther: (pid: number) => boolean = () => true) {
  const pid = () => seats.stateOf(1)?.pid ?? 0;
  await eventually("a process is idle", () => pid() > 0 && isOther(pid()));
  return pid();
}

/** How often this was reported. */
function count({ lines }: WarmStage, wanted: string): number {
  return lines.filter((line) => line.startsWith(wanted)).length;
}

Deno.test("Seat starts a process for the first job, and one ahead after the end of each", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({}, gate);
    stage.serve([command]);
    const first = await stage.run(command, "echo one");
    assert.deepEqual([first.stdout, first.end.warm, first.end.processJobs], ["one\n", false, 1]);
    const pid = await idlePid(stage);
    const second = await stage.run(command, "echo two");
    assert.deepEqual([second.stdout, second.end.warm, second.end.pid], ["two\n", true, pid]);
    await idlePid(stage);
    assert.deepEqual(stage.lines, [
      ...["started job", "ended job", "started ahead"],
      ...["ended job", "started ahead"],
    ]);
  });
});

Deno.test("Seat keeps a process that ends its jobs by end lines, up to maxJobs", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({ maxJobs: 2 });
    stage.serve([command]);
    const first = await stage.run(command, "end 0");
    assert.equal(stage.seats.stateOf(1)?.jobs, 1);
    const second = await stage.run(command, "end 0");
    assert.deepEqual([second.end.pid, second.end.processJobs], [first.end.pid, 2]);
    const third = await stage.run(command, "end 0");
    assert.notEqual(third.end.pid, first.end.pid);
    assert.equal(third.end.processJobs, 1);
    assert.deepEqual(stage.lines.slice(0, 2), ["started job", "ended recycled"]);
  });
});

Deno.test("Seat replaces a process that is older than maxAgeMs, after its job", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({ maxAgeMs: 1 });
    stage.serve([command]);
    const { end } = await stage.run(command, "end 0");
    await idlePid(stage, (pid) => pid !== end.pid);
    assert.deepEqual(stage.lines.slice(0, 3), ["started job", "ended recycled", "started ahead"]);
  });
});

Deno.test("Seat replaces a process that gets older than maxAgeMs while it is idle", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({ maxAgeMs: 20 });
    stage.serve([command]);
    await stage.seats.of(1).startAhead("boot", command);
    await eventually("it is replaced twice", () => count(stage, "started ahead") === 2);
    assert.deepEqual(
      new Set(stage.lines),
      new Set(["started boot", "ended recycled", "started ahead"]),
    );
  });
});

Deno.test("Seat replaces an idle process that writes, and reports it once", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    const go = `${stage.folder}/go`;
    const { end } = await stage.run(command, `end 0; wait_for ${go}; echo late; echo later >&2`);
    Deno.writeTextFileSync(go, "");
    await idlePid(stage, (pid) => pid !== end.pid);
    const next = await stage.run(command, "echo own; end 0");
    assert.deepEqual([next.stdout, next.stderr, next.end.warm], ["own\n", "", true]);
    assert.equal(count(stage, "strayed"), 1);
    assert.equal(count(stage, "ended protocol"), 1);
  });
});

Deno.test("Seat replaces a process after a job that did not keep to the protocol", async () => {
  for (const script of ["end 0; end 0", "end_out 0", "end_out 0; end_err 1"]) {
    await onWarmStage(async (stage) => {
      const command = stage.command();
      stage.serve([command]);
      const { end } = await stage.run(command, script);
      await idlePid(stage, (pid) => pid !== end.pid);
      assert.equal(count(stage, "ended protocol"), 1);
    });
  }
});

Deno.test("Seat gives a job a new process, once, if the idle one had closed its input", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    const closed = `${stage.folder}/closed`;
    const first = await stage.run(command, `end 0; exec <&-; : >${closed}; exec sleep 600`);
    await fileExists(closed);
    const pids: number[] = [];
    const second = await stage.run(command, "echo ran; end 3", {
      onEvent: (event) => void (event.kind === "started" && pids.push(event.pid)),
    });
    assert.deepEqual(second.end.ending, { kind: "exited", exitStatus: 3 });
    assert.deepEqual([second.stdout, second.end.warm], ["ran\n", false]);
    assert.deepEqual(pids, [second.end.pid]);
    assert.equal(isAlive(first.end.pid ?? 0), false);
    assert.equal(count(stage, "started job"), 2);
  });
});

Deno.test("Seat gives a job a new process if the idle one has exited, and reports that", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    const go = `${stage.folder}/go`;
    await stage.run(command, `end 0; wait_for ${go}; exit 5`);
    Deno.writeTextFileSync(go, "");
    await eventually("it has exited", () => stage.lines.includes("diedIdle 5 "));
    assert.equal(stage.seats.stateOf(1), undefined);
    const { end, stdout } = await stage.run(command, "echo ran; end 0");
    assert.deepEqual([stdout, end.warm], ["ran\n", false]);
    assert.deepEqual(stage.lines, [
      ...["started job", "ended idle_death", "diedIdle 5 ", "started job"],
    ]);
  });
});

Deno.test("Seat.retire() kills what the process has left, since the next one will have its mark", async () => {
  await onWarmStage(async (stage) => {
    const killed: string[] = [];
    const [go, pid] = [`${stage.folder}/go`, `${stage.folder}/pid`];
    const command = stage.command({
      trees: {
        endTree({ mark }) {
          killed.push(mark);
          return Promise.resolve(Deno.kill(Number(Deno.readTextFileSync(pid)), "SIGKILL"));
        },
        endHolders: () => assert.fail("nothing holds a pipe any more"),
      },
    });
    stage.serve([command]);
    await stage.run(command, `sleep 600 & echo $! >${pid}; end 0; wait_for ${go}; exit`);
    const idle = await stage.seats.of(1).claim(command);
    Deno.writeTextFileSync(go, "");
    await eventually("it has exited", () => idle?.fate !== undefined);
    await stage.seats.of(1).retire();
    assert.deepEqual(killed, [idle?.files.folder]);
    await stage.seats.of(1).giveBack(idle?.files, false);
  });
});

Deno.test("Seat does not report a process that exits by itself if a stop begins then", async () => {
  await onWarmStage(async ({ seats, command, serve }) => {
    const listener = recorder();
    const stopping = command({
      listener: {
        ...listener,
        ended(why) {
          listener.ended(why);
          seats.beginClose();
        },
      },
    }, ["sh", "-c", "exit 5"]);
    serve([stopping]);
    await seats.of(1).startAhead("boot", stopping);
    await eventually("it has exited", () => listener.lines.length > 1);
    await seats.close();
    assert.deepEqual(listener.lines, ["started boot", "ended idle_death"]);
  });
});

Deno.test("Seat leaves out starts ahead for 2^k - 1 jobs after k idle deaths in a row, at most for 63", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({}, ["sh", "-c", "exit 5"]);
    stage.serve([command]);
    const seat = stage.seats.of(1);
    const startedAhead: number[] = [];
    let starts = 0;
    for (let job = 1; job <= 256; job++) {
      await nextTurn();
      const startsBefore = starts;
      const idle = await seat.claim(command);
      starts = count(stage, "started ahead");
      if (starts > startsBefore) startedAhead.push(job);
      if (idle) {
        await eventually("it has exited", () => idle.fate !== undefined);
        await seat.retire();
        await idle.files.remove();
      }
      await seat.giveBack(undefined, false);
    }
    assert.deepEqual(startedAhead, [2, 4, 8, 16, 32, 64, 128, 192, 256]);
    await seat.claim(command);
    await seat.giveBack(undefined, true);
    await nextTurn();
    assert.ok(await seat.claim(command), "a job of a process that was there ends that");
    await seat.giveBack(undefined, false);
  });
});

Deno.test("claimForCold() of a seat waits only for a process, and no other is started until release()", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({}, gate);
    stage.serve([command]);
    const seat = stage.seats.of(1);
    for (const hasProcess of [false, true]) {
      const pid = hasProcess ? await idlePid(stage) : undefined;
      const claiming = seat.claimForCold();
      assert.equal(claiming !== undefined, hasProcess);
      await claiming;
      if (pid !== undefined) assert.equal(isAlive(pid), false);
      await seat.startAhead("ahead", command);
      assert.equal(seat.state, undefined, "the worker has a job");
      seat.release();
      await seat.startAhead("ahead", command);
      assert.ok(seat.state);
    }
    const starting = seat.renew();
    assert.ok(seat.claimForCold());
    await starting;
    seat.release();
  });
});

Deno.test("Seat reports a program that cannot be started ahead, and the next job tries again", async () => {
  await onWarmStage(async (stage) => {
    const path = `${stage.folder}/program`;
    const command = stage.command({}, [path]);
    stage.serve([command]);
    const { end } = await stage.run(command, "echo never");
    assert.ok(end.ending.kind === "not_started");
    assert.equal(end.ending.exitStatus, 127);
    await eventually("it was tried ahead", () => count(stage, "notStarted") === 1);
    assert.match(stage.lines[0] ?? "", /^notStarted .*\(os error 2\)$/);
    Deno.copyFileSync(gate[0] as string, path);
    assert.equal((await stage.run(command, "echo ran")).stdout, "ran\n");
  });
});

Deno.test("Seat does not start the program for a job whose block is too long, and keeps its process", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    const first = await stage.run(command, "end 0");
    const { end } = await stage.run(command, "end 0", {
      variables: { TRACESTATE: "x".repeat(65_536) },
    });
    assert.ok(end.ending.kind === "not_started");
    assert.equal(end.ending.exitStatus, 126);
    assert.match(end.ending.reason, /the variables of the job have more than 65536 bytes/);
    assert.equal((await stage.run(command, "end 0")).end.pid, first.end.pid);
  });
});

Deno.test("Seat gives a job a new process if the files of the idle one were damaged", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    for (const kind of ["bytes", "file"]) {
      const { stdout, end } = await stage.run(command, 'echo "$JOBRUNNER_JOB_DIR"; end 0');
      Deno.removeSync(stdout.trim(), { recursive: true });
      let input;
      if (kind === "file") {
        const folder = makeJobFolder(stage.spool).path;
        Deno.writeTextFileSync(`${folder}/body`, "echo ran; end 0");
        input = { kind: "file" as const, folder, name: "body", length: 15 };
      }
      const next = await stage.run(command, "echo ran; end 0", input ? { input } : {});
      assert.deepEqual([next.stdout, next.end.warm], ["ran\n", false], kind);
      assert.equal(isAlive(end.pid ?? 0), false);
    }
    assert.deepEqual(stage.lines.filter((line) => line.startsWith("ended")), [
      ...["ended recycled", "ended recycled"],
    ]);
  });
});

Deno.test("Seat does not wait for a process that leaves, and removes its folder when it is gone", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    stage.serve([command]);
    const go = `${stage.folder}/go`;
    const script = `echo "$JOBRUNNER_JOB_DIR"; end 0 leaving; wait_for ${go}; exit`;
    const first = await stage.run(command, script);
    const folder = first.stdout.trim();
    const pid = await idlePid(stage);
    assert.ok(pid !== first.end.pid && isAlive(first.end.pid ?? 0));
    assert.equal((await stage.run(command, "end 0")).end.pid, pid);
    assert.ok(Deno.lstatSync(folder).isDirectory);
    Deno.writeTextFileSync(go, "");
    await eventually(
      "its folder is removed",
      () => [...Deno.readDirSync(dirname(folder))].every(({ name }) => !folder.endsWith(name)),
    );
    assert.equal(isAlive(first.end.pid ?? 0), false);
    assert.deepEqual(stage.lines, ["started job", "ended leaving", "started ahead"]);
  });
});

Deno.test("Seat has a process killed that says that it leaves and stays", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command({ graceMs: 1 });
    const { end } = await stage.run(command, "end 0 leaving; exec sleep 600");
    await eventually("it is killed", () => !isAlive(end.pid ?? 0));
  });
});

Deno.test("Seat waits for the oldest of many processes that say that they leave and stay", async () => {
  await onWarmStage(async (stage) => {
    const command = stage.command();
    const pids: number[] = [];
    for (let job = 0; job < 10; job++) {
      pids.push((await stage.run(command, "end 0 leaving; exec sleep 600")).end.pid ?? 0);
    }
    assert.equal(pids.filter(isAlive).length, 9);
  });
});

Deno.test("Seat.claim() waits for a process that is being started, and resolves with it", async () => {
  await onWarmStage(async (stage) => {
    const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const spool = {
      ...stage.spool,
      async ensure() {
        begun.resolve();
        await go.promise;
        await stage.spool.ensure();
      },
    };
    const command = stage.command({ spool });
    stage.serve([command]);
    const starting = stage.seats.of(1).startAhead("boot", command);
    await begun.promise;
    const running = stage.run(command, "end 0");
    go.resolve();
    const { end } = await running;
    await starting;
    assert.deepEqual([end.warm, end.processJobs], [true, 1]);
    assert.deepEqual(stage.lines, ["started boot"]);
  });
});

Deno.test("Seat.claim() ends the process of another command before a job runs", async () => {
  await onWarmStage(async (stage) => {
    const [one, two] = [stage.command({ name: "one" }), stage.command({ name: "two" })];
    stage.serve([one, two]);
    const first = await stage.run(one, "end 0");
    let wasAlive: boolean | undefined;
    await stage.run(two, "end 0", {
      onEvent: ({ kind }) => void (kind === "started" && (wasAlive = isAlive(first.end.pid ?? 0))),
    });
    assert.equal(wasAlive, false);
    assert.deepEqual(stage.lines, ["started job", "ended recycled", "started job"]);
  });
});

Deno.test("Seat.claim() gives a process that ignores the end of its input a second, not the grace", async () => {
  await onWarmStage(async (stage) => {
    const [one, two] = [stage.command({ name: "one", maxJobs: 2 }), stage.command({ name: "two" })];
    stage.serve([one, two]);
    const deaf = "end 0; exec sleep 600";
    await stage.run(one, deaf);
    // It is idle.
    await stage.run(two, "end 0");
    await stage.run(one, "end 0");
    // It has done its part, and the one that is to be started ahead waits for its exit.
    const last = await stage.run(one, deaf);
    await nextTurn();
    const next = await stage.run(one, "end 0");
    assert.notEqual(next.end.pid, last.end.pid);
  });
});

Deno.test("Seat gives no job to a new process of a program that reads none, once it is known", async () => {
  await onWarmStage(async (stage) => {
    const go = `${stage.folder}/go`;
    // Without a payload it is slow.
    const script =
      `cat "$JOBRUNNER_REQUEST_DATA_FN"; [ -s "$JOBRUNNER_REQUEST_DATA_FN" ] || until [ -e ${go} ]; do sleep 0.01; done`;
    const command = stage.command({}, ["/bin/sh", "-c", script]);
    stage.serve([command]);
    await stage.seats.of(1).startAhead("boot", command);
    Deno.writeTextFileSync(go, "");
    await eventually("it has exited", () => count(stage, "ended idle_death") === 1);
    Deno.removeSync(go);
    for (const payload of ["one", "two"]) {
      const { stdout, end } = await stage.run(command, payload);
      assert.deepEqual([stdout, end.warm], [payload, false]);
    }
    await idlePid(stage);
    const third = await stage.run(command, "three");
    assert.deepEqual([third.stdout, third.end.warm], ["three", false]);
    assert.equal(count(stage, "started ahead"), 1);
  });
});
