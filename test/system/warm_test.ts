/**
 * Warm commands: jobs of one process, and how each of them may end.
 */

import assert from "node:assert/strict";
import { jobVariables } from "../../src/config/job_variables.ts";
import { type Answer, scrape, statusOf } from "../support/client.ts";
import { fileExists } from "../support/folder.ts";
import { startNamed, tomlString } from "../support/named.ts";
import { eventually } from "../support/processes.ts";
import { runProgram } from "../support/program.ts";
import { postRun } from "../support/run_client.ts";
import {
  hasEnded,
  onWarm,
  plain,
  postJob,
  runPython,
  type Warm,
  warmCounts,
} from "../support/warm_program.ts";

/** Runs a plain job, which must be the first of its process, and which the process was there for. */
async function expectReplaced({ run, idle }: Warm, formerPid: number): Promise<void> {
  const pid = await idle();
  assert.notEqual(pid, formerPid);
  const { output, json } = await run(plain);
  assert.deepEqual([output, json["warm"]], [`1 ${pid} test\n`, true]);
}

function endOf({ json, output, error }: Answer) {
  const { ending, exit_status, signal, message } = json;
  return { ending, exit_status, signal, message, output, error };
}

const exited = {
  ending: "exited",
  exit_status: 0,
  signal: undefined,
  message: undefined,
  output: "",
  error: "",
};

Deno.test("a warm process gets the jobs of its worker one after the other, ids of any text included", async () => {
  await onWarm({}, async ({ run, idle, url }) => {
    const pid = await idle();
    for (const [index, id] of ["a", "b = c=d", " ü € ", " ", "=", "a".repeat(1024)].entries()) {
      const { output, error, json } = await run(plain, { id });
      assert.deepEqual([output, error], [`${index + 1} ${pid} ${id}\n`, ""]);
      assert.deepEqual([json["id"], json["warm"]], [id, true]);
      assert.equal(json["exit_status"], 0);
    }
    const { output, json } = await run(plain, { id: "two\r\nlines\n" });
    assert.deepEqual([output, json["id"]], [`7 ${pid} two  lines \n`, "two\r\nlines\n"]);
    const { worker_states } = await statusOf(url);
    assert.deepEqual([worker_states[0]?.warm?.pid, worker_states[0]?.warm?.jobs], [pid, 7]);
    const { starts, ends, jobs } = await warmCounts(url);
    assert.deepEqual([starts, ends, jobs], [{ boot: 1 }, {}, { warm: 7 }]);
  });
});

Deno.test("answers and log lines of a warm command say whether the process was there, and how many jobs it has got", async () => {
  await onWarm({ JOBRUNNER_LOG_FORMAT: "json" }, async ({ url, run, idle, program }) => {
    await idle();
    const answer = await postRun(url, plain, { target: "?id=first" });
    assert.equal(answer.headers.get("x-jr-warm"), "true");
    await run("os._exit(0)", { id: "last" });
    const lines = await Promise.all(
      ["first", "last"].map(async (id) => JSON.parse(await program.line(`"jobrunner.id":"${id}"`))),
    );
    const told = lines.map(({ attributes }) => [
      attributes["jobrunner.warm"],
      attributes["process.jobs"],
    ]);
    assert.deepEqual(told, [[true, 1], [true, 2]]);
  });
});

Deno.test("a warm process that ends a job with a status goes on, whatever the status is", async () => {
  await onWarm({}, async ({ run, idle }) => {
    const pid = await idle();
    for (const status of [3, 255, 0]) {
      const answer = await run(`print("bye", file=sys.stderr); sys.exit(${status})`);
      assert.deepEqual(endOf(answer), { ...exited, exit_status: status, error: "bye\n" });
    }
    const failed = await run("raise ValueError('x')");
    assert.match(failed.error, /ValueError: x\n$/);
    assert.equal(failed.json["exit_status"], 1);
    assert.equal((await run(plain)).output, `1 ${pid} test\n`);
  });
});

Deno.test("the exit of a warm process is the end of its job, and the next process is there before the next job", async () => {
  await onWarm({}, async (warm) => {
    const { run, idle, url } = warm;
    const exits = [
      ["os.write(1, b'out'); os._exit(7)", { exit_status: 7, ending: "exited" }],
      ["os.write(1, b'out'); os.kill(os.getpid(), 11)", { exit_status: 139, signal: "SIGSEGV" }],
      ["os.write(1, b'out'); os._exit(0)", { exit_status: 0, ending: "exited" }],
    ] as const;
    for (const [script, wanted] of exits) {
      const pid = await idle();
      const answer = await run(script);
      assert.deepEqual({ ...answer.json, ...wanted }, answer.json);
      assert.deepEqual([answer.output, answer.json["warm"]], ["out", true]);
      await expectReplaced(warm, pid);
    }
    const { starts, ends, jobs } = await warmCounts(url);
    assert.deepEqual([starts, ends, jobs], [{ boot: 1, ahead: 3 }, { job: 3 }, { warm: 6 }]);
  });
});

Deno.test("with the sandbox off, a warm process serves, ends by its exit and is replaced as with it", async () => {
  await onWarm({ JOBRUNNER_SANDBOX: "off" }, async (warm) => {
    const pid = await warm.idle();
    assert.equal((await warm.run(plain)).output, `1 ${pid} test\n`);
    assert.equal((await warm.run("os._exit(3)")).json["exit_status"], 3);
    await expectReplaced(warm, pid);
    const next = await warm.idle();
    const { json } = await warm.run("time.sleep(600)", { timeoutSec: 0.2 });
    assert.equal(json["ending"], "timed_out");
    await expectReplaced(warm, next);
  });
});

Deno.test("a timeout kills the process with its job, and another one takes its place", async () => {
  await onWarm({}, async (warm) => {
    const pid = await warm.idle();
    const script = "os.write(1, b'begun'); os.system('sleep 600 & sleep 600')";
    const answer = await warm.run(script, { timeoutSec: 1 });
    const { ending, exit_status, output } = endOf(answer);
    assert.deepEqual([ending, exit_status, output], ["timed_out", 124, "begun"]);
    await hasEnded(pid);
    await expectReplaced(warm, pid);
    assert.deepEqual((await warmCounts(warm.url)).ends, { caused: 1 });
  });
});

Deno.test("a client that disconnects cancels its job: the process is killed and replaced", async () => {
  await onWarm({ JOBRUNNER_ON_DISCONNECT: "cancel" }, async (warm) => {
    const pid = await warm.idle();
    const leaver = new AbortController();
    const started = `${warm.folder}/started`;
    const script = `open("${started}", "w").close(); time.sleep(600)`;
    const gone = warm.run(script, { signal: leaver.signal }).catch(({ name }) => name);
    await fileExists(started);
    leaver.abort();
    assert.equal(await gone, "AbortError");
    await eventually("it is canceled", async () => {
      return (await statusOf(warm.url)).outcomes.canceled === 1;
    });
    await hasEnded(pid);
    await expectReplaced(warm, pid);
  });
});

const showJob = "for name in job: print(f'{name}={job[name]}')";

function variablesIn(output: string): Map<string, string> {
  return new Map(
    output.trimEnd().split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

Deno.test("every block has the same names, and what a job does not have is empty: nothing of the job before lives on", async () => {
  await onWarm({ JOBRUNNER_PASS_HEADERS: "x-tenant" }, async ({ url }) => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const first = await postRun(url, showJob, {
      target: "?id=one&a=b%20c&timeout_sec=60",
      headers: {
        traceparent,
        tracestate: "vendor=1",
        "x-tenant": "blue",
        "content-type": "text/x-python",
        "content-disposition": 'attachment; filename="a=b.py"',
      },
    });
    const second = await postRun(url, new TextEncoder().encode(showJob), { target: "?id=two" });
    const [full, bare] = [variablesIn(first.text), variablesIn(second.text)];
    assert.deepEqual([...full.keys()], [...bare.keys()]);
    assert.deepEqual([...full.keys()], [
      ...jobVariables.filter((name) => !/_(COMMAND|POOL)$/.test(name)),
      "JOBRUNNER_HTTP_X_TENANT",
      "TRACEPARENT",
      "TRACESTATE",
      "JOBRUNNER_END",
    ]);
    assert.match(full.get("TRACEPARENT") ?? "", /^00-0af7651916cd43dd8448eb211c80319c-/);
    assert.equal(full.get("TRACESTATE"), "vendor=1");
    assert.equal(full.get("JOBRUNNER_HTTP_X_TENANT"), "blue");
    assert.equal(full.get("JOBRUNNER_QUERY_STRING"), "id=one&a=b%20c&timeout_sec=60");
    assert.equal(full.get("JOBRUNNER_FILENAME"), "a=b.py");
    assert.equal(full.get("JOBRUNNER_CONTENT_TYPE"), "text/x-python");
    assert.equal(full.get("JOBRUNNER_TIMEOUT_SEC"), "60");
    const emptied = ["HTTP_X_TENANT", "FILENAME", "CONTENT_TYPE", "TIMEOUT_SEC", "DEADLINE"];
    for (const name of emptied) assert.equal(bare.get(`JOBRUNNER_${name}`), "", name);
    assert.equal(bare.get("JOBRUNNER_QUERY_STRING"), "id=two");
    assert.equal(bare.get("TRACESTATE"), "");
    const kept = ["JOB_DIR", "REQUEST_DATA_FN", "RESPONSE_DATA_FN", "WORKER_ID"];
    for (const name of kept.map((name) => `JOBRUNNER_${name}`)) {
      assert.equal(full.get(name), bare.get(name));
    }
    const words = [full, bare].map((variables) => variables.get("JOBRUNNER_END") ?? "");
    assert.ok(words.every((word) => /^[0-9a-f]{32}$/.test(word)));
    assert.notEqual(words[0], words[1]);
  });
});

Deno.test("a named command gets its name and its pool in every block, and its metrics have them", async () => {
  const toml = `[commands.python]
  cmd = ${tomlString(runPython)}
  warm = true
  pool = "snakes"
  [pools.snakes]
  num_workers = 1`;
  await using program = await startNamed(toml);
  const { url } = program;
  const { output } = await postJob(url, showJob, { command: "python" });
  const variables = variablesIn(output);
  assert.deepEqual(
    [variables.get("JOBRUNNER_COMMAND"), variables.get("JOBRUNNER_POOL")],
    ["python", "snakes"],
  );
  const name = 'jobrunner_warm_jobs_total{command="python",pool="snakes",start="warm"}';
  assert.equal((await scrape(url)).get(name), 1);
});

Deno.test("a warm process finds the variables of no job in its environment: they are there, but empty", async () => {
  await onWarm({}, async ({ run, idle }) => {
    await idle();
    const { output } = await run(
      "for name in [*job, 'JOBRUNNER_WARM']: print(f'{name}={os.environ[name]}')",
    );
    const { JOBRUNNER_JOB_DIR, JOBRUNNER_REQUEST_DATA_FN, JOBRUNNER_RESPONSE_DATA_FN, ...others } =
      Object.fromEntries(variablesIn(output));
    const paths = [JOBRUNNER_REQUEST_DATA_FN, JOBRUNNER_RESPONSE_DATA_FN];
    assert.ok(paths.every((path) => path?.startsWith(`${JOBRUNNER_JOB_DIR}/`)));
    const notEmpty = Object.entries(others).filter(([, value]) => value !== "");
    assert.deepEqual(notEmpty, [["JOBRUNNER_WORKER_ID", "1"], ["JOBRUNNER_WARM", "1"]]);
  });
});

Deno.test("serve refuses a warm command whose standard input is the payload, with exit status 2", async () => {
  const env = { JOBRUNNER_CMD: "cat", JOBRUNNER_WARM: "on", JOBRUNNER_STDIN: "payload" };
  const { code, stderr } = await runProgram({ args: ["serve"], env });
  assert.equal(code, 2);
  assert.match(stderr, /^JOBRUNNER_WARM=on: must be off while JOBRUNNER_STDIN=payload/m);
});
