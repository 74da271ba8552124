import assert from "node:assert/strict";
import { createColdStart } from "../../../src/exec/cold_start.ts";
import type { Runner } from "../../../src/exec/runner.ts";
import { besideWarm, createWarmRunner } from "../../../src/exec/warm/runner.ts";
import { Seats } from "../../../src/exec/warm/seats.ts";
import { eventually, isAlive } from "../../support/processes.ts";
import { fixture } from "../../support/program.ts";
import { coldStartOf } from "../../support/cold_start.ts";
import { testRunner } from "../../support/runner_suite.ts";
import { filesIn } from "../../support/spool.ts";
import { nextTurn } from "../../support/turn.ts";
import { onWarmStage, trees, warmCommandOf, type WarmStage } from "../../support/warm.ts";

/** Whether a program waits for its job, or has to be over before that. */
const bodies = [
  ["a process for each job", "wait_for_payload.sh", true],
  ["a process for all jobs", "fork_for_payloads.sh", true],
  ["a program that does not read its input", "run_payload.sh", false],
] as const;

for (const [name, program, waits] of bodies) {
  testRunner({
    name: `createWarmRunner() with ${name}`,
    create(spool, { words = [fixture(program)], jobTimeoutMs = Infinity }) {
      const command = warmCommandOf(spool, words, { jobTimeoutMs });
      const seats = new Seats();
      const commands = new Map([[command.settings.name, command]]);
      seats.replace({ commands, only: undefined, size: 2 });
      const runner = createWarmRunner(command, seats);
      return {
        runner: {
          async prepare(input, about) {
            const seat = seats.of(about.workerId);
            await seat.startAhead("boot", command);
            if (!waits) await eventually("it has exited", () => seat.state === undefined);
            return await runner.prepare(input, about);
          },
        },
        close: () => seats.close(),
      };
    },
  });
}

testRunner({
  name: "besideWarm()",
  create(spool, { words = [fixture("run_payload.sh")], jobTimeoutMs = Infinity }) {
    const cold = createColdStart(coldStartOf(spool, words, { jobTimeoutMs, trees }));
    const seats = new Seats();
    return { runner: besideWarm(cold, seats), close: () => seats.close() };
  },
});

/** Prepares a job of a cold command on worker 1, which has a warm process; returns the id of that too. */
async function besideProcess({ seats, ...stage }: WarmStage, cold: Runner) {
  const command = stage.command();
  stage.serve([command]);
  const { end } = await stage.run(command, "end 0");
  const bytes = new TextEncoder().encode("echo ran");
  const runner = besideWarm(cold, seats);
  const preparing = runner.prepare({ kind: "bytes", bytes }, { workerId: 1, id: "i" });
  return { command, preparing, release: () => runner.release?.(1), pid: end.pid ?? 0 };
}

Deno.test("besideWarm() ends the warm process of the worker before a job, and starts none after it", async () => {
  await onWarmStage(async (stage) => {
    const cold = createColdStart(coldStartOf(stage.spool, [fixture("run_payload.sh")]));
    const { pid, preparing, release } = await besideProcess(stage, cold);
    const { files } = await preparing;
    assert.equal(isAlive(pid), false);
    await files.remove();
    release();
    await nextTurn();
    assert.equal(stage.seats.stateOf(1), undefined);
    assert.deepEqual(stage.lines, ["started job", "ended recycled"]);
    assert.deepEqual(filesIn(stage.spool.path), []);
  });
});

Deno.test("besideWarm() keeps the worker until it is released, also if the files of a job could not be made", async () => {
  await onWarmStage(async (stage) => {
    const full = new Error("no space");
    const cold = { prepare: () => Promise.reject(full) };
    const { command, preparing, release } = await besideProcess(stage, cold);
    await assert.rejects(preparing, full);
    await stage.seats.of(1).startAhead("boot", command);
    assert.equal(stage.seats.stateOf(1), undefined, "the worker has a job");
    release();
    await stage.seats.of(1).startAhead("boot", command);
    assert.ok(stage.seats.stateOf(1), "the worker has no job");
  });
});

Deno.test("createWarmRunner() leaves the worker to others if the files of a job could not be made", async () => {
  await onWarmStage(async (stage) => {
    const broken = { ...stage.spool, ensure: () => Promise.reject(new Error("damaged")) };
    const command = stage.command({ spool: broken });
    stage.serve([command]);
    await assert.rejects(stage.run(command, "end 0"), /damaged/);
    const sound = stage.command();
    await stage.seats.of(1).startAhead("boot", sound);
    assert.ok(stage.seats.stateOf(1), "the worker has no job");
  });
});

Deno.test("createWarmRunner() gives the block all variables of the job, and no name is missing in any", async () => {
  await onWarmStage(async (stage) => {
    const names = { command: "c", pool: "p" };
    const command = stage.command({
      names,
      passHeaders: ["x-tenant"],
      jobTimeoutMs: 600_000,
      name: "c",
    });
    stage.serve([command]);
    const request = {
      queryString: "a=1",
      contentType: "text/plain",
      contentLength: 7,
      filename: "line\nbreak",
      headers: { "x-tenant": "t" },
    };
    const show =
      'env | grep -E "^(JOBRUNNER_|TRACE)" | grep -Ev "_END=|_DEADLINE=|_CMD=" | sort; end 0';
    const full = await stage.run(command, show, {
      spec: { id: "i d=ü", request, timeoutSec: 9 },
      variables: { TRACEPARENT: "tp", TRACESTATE: "ts" },
    });
    const empty = await stage.run(command, show, { spec: { id: "other" } });
    const [before, after] = [full, empty].map(({ stdout }) =>
      Object.fromEntries(
        stdout.trim().split("\n").map((line) => line.split(/=(.*)/).slice(0, 2)),
      )
    );
    const files = {
      JOBRUNNER_JOB_DIR: before?.JOBRUNNER_JOB_DIR,
      JOBRUNNER_REQUEST_DATA_FN: before?.JOBRUNNER_REQUEST_DATA_FN,
      JOBRUNNER_RESPONSE_DATA_FN: before?.JOBRUNNER_RESPONSE_DATA_FN,
      JOBRUNNER_REQUEST_DIR: "",
      JOBRUNNER_WORKER_ID: "1",
      JOBRUNNER_COMMAND: "c",
      JOBRUNNER_POOL: "p",
      JOBRUNNER_WARM: "1",
    };
    assert.deepEqual(before, {
      ...files,
      JOBRUNNER_REQUEST_ID: "i d=ü",
      JOBRUNNER_QUERY_STRING: "a=1",
      JOBRUNNER_CONTENT_TYPE: "text/plain",
      JOBRUNNER_CONTENT_LENGTH: "7",
      JOBRUNNER_FILENAME: "line break",
      JOBRUNNER_HTTP_X_TENANT: "t",
      JOBRUNNER_TIMEOUT_SEC: "9",
      TRACEPARENT: "tp",
      TRACESTATE: "ts",
    });
    assert.deepEqual(after, {
      ...files,
      JOBRUNNER_REQUEST_ID: "other",
      JOBRUNNER_QUERY_STRING: "",
      JOBRUNNER_CONTENT_TYPE: "",
      JOBRUNNER_CONTENT_LENGTH: "",
      JOBRUNNER_FILENAME: "",
      JOBRUNNER_HTTP_X_TENANT: "",
      JOBRUNNER_TIMEOUT_SEC: "600",
      TRACEPARENT: "",
      TRACESTATE: "",
    });
  });
});

Deno.test("createWarmRunner() starts a process ahead with the variables of a job, of which only the lasting have values", async () => {
  await onWarmStage(async (stage) => {
    const show =
      'env | grep ^JOBRUNNER_ | grep -v "^JOBRUNNER_CMD=" | grep "=." | sed "s/=.*//" | sort';
    const command = stage.command({}, [
      "sh",
      "-c",
      `${show}; env | grep -c "^JOBRUNNER_.*=$"; read line`,
    ]);
    stage.serve([command]);
    await stage.seats.of(1).startAhead("boot", command);
    const { stdout } = await stage.run(command, "");
    assert.deepEqual(stdout.trim().split("\n"), [
      "JOBRUNNER_JOB_DIR",
      "JOBRUNNER_REQUEST_DATA_FN",
      "JOBRUNNER_RESPONSE_DATA_FN",
      "JOBRUNNER_WARM",
      "JOBRUNNER_WORKER_ID",
      "9",
    ]);
  });
});
