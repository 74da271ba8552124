/**
 * A job always ends, and leaves nothing behind: timeouts, process trees, held pipes, disconnected clients.
 */

import assert from "node:assert/strict";
import { get, post, postInTwoParts, postRaw, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import {
  aliveIn,
  childrenOf,
  eventually,
  isAlive,
  killAllIn,
  pidIn,
} from "../support/processes.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

interface Stage {
  readonly url: string;
  readonly program: Program;
  /** Folder in which fixtures write down their processes. */
  readonly pids: string;
  /** Names of job files in the spool. */
  files(): string[];
}

/** Runs a test with a server of one fixture; afterwards nothing of it may be left. */
async function on(
  name: string,
  env: Readonly<Record<string, string>>,
  act: (stage: Stage) => Promise<void>,
  through: readonly string[] = [],
): Promise<void> {
  using folder = temporaryFolder();
  const pids = `${folder.path}/pids`;
  const spool = `${folder.path}/spool`;
  Deno.mkdirSync(pids);
  Deno.mkdirSync(spool);
  try {
    await using program = await startProgram({
      through,
      env: {
        JOBRUNNER_CMD: fixture(name),
        JOBRUNNER_SPOOL_DIR: spool,
        JOBRUNNER_KILL_GRACE_SEC: "0.3",
        PIDS: pids,
        ...env,
      },
    });
    const files = () => filesIn(spoolIn(spool));
    await act({ url: program.url, program, pids, files });
    assert.equal(await program.stop(), 0);
    assert.deepEqual([...Deno.readDirSync(spool)], []);
  } finally {
    killAllIn(pids);
  }
}

const ended = (outcome: string) => new RegExp(`outcome="${outcome}"} 1$`, "m");

async function busyWorkers(url: string): Promise<unknown> {
  return (await statusOf(url)).busy;
}

Deno.test("JOBRUNNER_JOB_TIMEOUT_SEC: a job that times out has 124, timed_out and its output until then", async () => {
  await on(
    "ignore_sigterm.sh",
    { JOBRUNNER_JOB_TIMEOUT_SEC: "0.3" },
    async ({ url, pids, files }) => {
      const { status, json, output } = await post(url, "x");
      assert.equal(status, 200);
      assert.deepEqual(
        [json["exit_status"], json["ending"], json["timed_out"], json["signal"], output],
        [124, "timed_out", true, "SIGKILL", "begun\n"],
      );
      assert.deepEqual(aliveIn(pids), []);
      assert.deepEqual(files(), []);
      assert.match((await get(`${url}/metrics`)).text, ended("timed_out"));
      assert.equal(await busyWorkers(url), 0);
    },
  );
});

Deno.test("timeout_sec in a request shortens the server's limit and never extends it", async () => {
  const script =
    "echo $JOBRUNNER_TIMEOUT_SEC; echo $((JOBRUNNER_DEADLINE - $(date +%s))); sleep 1000";
  await on("run_payload.sh", { JOBRUNNER_JOB_TIMEOUT_SEC: "0.5" }, async ({ url }) => {
    for (const [asked, limit] of [[0.2, "0.2"], [1000, "0.5"], [undefined, "0.5"]] as const) {
      const data = new TextEncoder().encode(script).toBase64();
      const { json, output } = await postRaw(
        url,
        JSON.stringify({ id: "x", data, timeout_sec: asked }),
      );
      assert.equal(json["ending"], "timed_out");
      const [told, left] = output.split("\n");
      assert.equal(told, limit);
      assert.ok(Math.abs(Number(left)) <= 1, left);
    }
    for (const bad of [0, -1, "1", true]) {
      const { status, text } = await postRaw(
        url,
        JSON.stringify({ id: "x", data: "YQ==", timeout_sec: bad }),
      );
      assert.deepEqual([status, text], [
        400,
        "Json key 'timeout_sec' is not a number greater than 0\n",
      ]);
    }
  });
});

Deno.test("JOBRUNNER_TIMEOUT_SEC and JOBRUNNER_DEADLINE are not set for a command without a limit", async () => {
  await on("run_payload.sh", {}, async ({ url }) => {
    assert.equal((await post(url, "env | grep -E 'TIMEOUT|DEADLINE'")).output, "");
  });
});

Deno.test("JOBRUNNER_QUEUE_TIMEOUT_SEC: a job that waits too long gets 503 with Retry-After and never runs", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  await on("hold_until_released.sh", {
    JOBRUNNER_NUM_WORKERS: "1",
    JOBRUNNER_QUEUE_TIMEOUT_SEC: "0.2",
    HOLD_RELEASE: release,
  }, async ({ url }) => {
    const running = post(url, "x", { id: "running" });
    await fileExists(`${folder.path}/started_running`);
    const { status, headers, text } = await post(url, "x", { id: "waiting" });
    assert.equal(status, 503);
    assert.match(text, /longer than JOBRUNNER_QUEUE_TIMEOUT_SEC/);
    assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    Deno.writeTextFileSync(release, "");
    assert.equal((await running).output, "released\n");
    assert.throws(() => Deno.statSync(`${folder.path}/started_waiting`));
  });
});

for (
  const [name, what] of [
    ["stay_with_family.sh", "children, grandchildren, sessions of their own and daemons"],
    ["fork_loop.sh", "a parent that keeps forking"],
    ["leave_stubborn_child.sh", "a child that ignores SIGTERM when its parent did not"],
  ] as const
) {
  Deno.test(`a timeout kills ${what}`, async () => {
    await on(name, { JOBRUNNER_JOB_TIMEOUT_SEC: "0.5" }, async ({ url, pids, program }) => {
      const { json } = await post(url, "x");
      assert.equal(json["ending"], "timed_out");
      assert.deepEqual(aliveIn(pids), []);
      assert.ok([...Deno.readDirSync(pids)].length > 0);
      assert.deepEqual(childrenOf(program.pid), []);
    });
  });
}

Deno.test("a timeout kills no processes of another job", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  await on("run_payload.sh", {}, async ({ url, pids }) => {
    const other = post(
      url,
      `echo $$ >"$PIDS/other"; while [ ! -e ${release} ]; do sleep 0.02; done; echo whole`,
    );
    await fileExists(`${pids}/other`);
    const body = {
      id: "x",
      data: new TextEncoder().encode('echo $$ >"$PIDS/ended"; sleep 1000').toBase64(),
      timeout_sec: 0.1,
    };
    assert.equal((await postRaw(url, JSON.stringify(body))).json["ending"], "timed_out");
    assert.deepEqual(aliveIn(pids), ["other"]);
    Deno.writeTextFileSync(release, "");
    assert.equal((await other).output, "whole\n");
  });
});

for (const stubborn of ["", "yes"]) {
  Deno.test(`a descendant that holds stdout${stubborn && " and ignores SIGTERM"} does not delay the answer, and is killed`, async () => {
    await on("hold_stdout.sh", { HOLD_STUBBORN: stubborn }, async ({ url, pids }) => {
      // More than one job, since the first one of a new server might pass only because it won a race.
      for (const id of ["a", "b", "c", "d"]) {
        const { json, output } = await post(url, "x", { id });
        assert.deepEqual([json["exit_status"], json["ending"], output], [0, "exited", "begun\n"]);
        await eventually(`holder ${id} is ended`, () => aliveIn(pids).length === 0);
      }
    });
  });
}

Deno.test("a hundred process trees that ignore SIGTERM are all killed when their clients disconnect", async () => {
  await on("run_payload.sh", { JOBRUNNER_NUM_WORKERS: "100" }, async ({ url, pids, program }) => {
    const leaver = new AbortController();
    const jobs = Array.from({ length: 100 }, (_, index) => {
      const script =
        `trap '' TERM; echo $$ >"$PIDS/command${index}"; sleep 1000 & echo $! >"$PIDS/child${index}"; while :; do sleep 1; done`;
      return post(url, script, { id: String(index), signal: leaver.signal }).catch((error) =>
        error.name
      );
    });
    await eventually("all have begun", () => [...Deno.readDirSync(pids)].length === 200);
    leaver.abort();
    await Promise.all(jobs);
    await eventually("all workers are free", async () => await busyWorkers(url) === 0);
    assert.deepEqual(aliveIn(pids), []);
    await program.stop();
    assert.ok(!program.log.some((line) => line.includes(" ERROR ")));
  });
});

Deno.test("a daemon with an output of its own is not killed", async () => {
  await on("leave_daemon.sh", {}, async ({ url, pids }) => {
    // Processes that hold a pipe are killed; while the second job runs, that would happen to the first one's daemon.
    for (const id of ["first", "second"]) {
      assert.equal((await post(url, "x", { id })).output, "begun\n");
    }
    assert.ok(isAlive(pidIn(pids, "daemon_first")));
  });
});

Deno.test("a daemon that keeps its job's files and folder open reaches no later job of the same worker", async () => {
  // It waits for the second job, then writes to both files and into what was its folder.
  const first = 'exec 8>>"$JOBRUNNER_REQUEST_DATA_FN" 9>>"$JOBRUNNER_RESPONSE_DATA_FN"\n' +
    'cd "$JOBRUNNER_JOB_DIR"\n' +
    'setsid sh -c \'echo $$ >"$PIDS/daemon"; while [ ! -e "$PIDS/go" ]; do sleep 0.01; done; ' +
    'echo foreign >&8; echo foreign >&9; echo foreign >foreign; : >"$PIDS/done"\' ' +
    "</dev/null >/dev/null 2>&1 &\n" +
    'while [ ! -s "$PIDS/daemon" ]; do sleep 0.01; done\n';
  const second = ': >"$PIDS/go"; while [ ! -e "$PIDS/done" ]; do sleep 0.01; done\n' +
    'ls "$JOBRUNNER_JOB_DIR" | wc -l; grep -c foreign "$JOBRUNNER_REQUEST_DATA_FN"; true\n';
  await on("run_payload.sh", { JOBRUNNER_NUM_WORKERS: "1" }, async ({ url }) => {
    assert.equal((await post(url, first)).json["exit_status"], 0);
    const { json, output } = await post(url, second);
    // The word stands in the second job's own script once.
    assert.deepEqual([output, json["data"]], ["2\n1\n", ""]);
  });
});

Deno.test("a daemon is not killed for a pipe that the server itself inherited", async () => {
  const script =
    "setsid sh -c 'echo $$ >\"$PIDS/daemon\"; exec sleep 1000' </dev/null >/dev/null 2>&1 &\n" +
    "echo held; sleep 1000 &\n" +
    'while [ ! -s "$PIDS/daemon" ]; do sleep 0.01; done\n';
  await on("run_payload.sh", {}, async ({ url, pids }) => {
    assert.equal((await post(url, script)).output, "held\n");
    assert.ok(isAlive(pidIn(pids, "daemon")));
  }, ["bash", "-c", 'exec 9> >(exec cat >/dev/null 2>&1); exec "$0" "$@"']);
});

Deno.test("JOBRUNNER_MAX_OUTPUT_BYTES truncates and flags output, and neither blocks nor kills the job", async () => {
  await on(
    "flood_both_streams.sh",
    { FLOOD_BYTES: "20000000", JOBRUNNER_MAX_OUTPUT_BYTES: "1000" },
    async ({ url }) => {
      const { json, output, error } = await post(url, "x");
      assert.deepEqual([json["exit_status"], output.length, error.length], [0, 1000, 1000]);
      assert.deepEqual([json["output_truncated"], json["error_truncated"]], [true, true]);
    },
  );
});

Deno.test("the response file may be replaced by a rename", async () => {
  await on("rename_over_result.sh", {}, async ({ url, files }) => {
    assert.equal((await post(url, "x")).data, "renamed\n");
    assert.deepEqual(files(), []);
  });
});

for (const protocol of ["HTTP/1.1", "HTTP/2"] as const) {
  const tls = protocol === "HTTP/2"
    ? {
      JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
      JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
    }
    : {};

  Deno.test(`${protocol}: a running job is killed and counted as canceled when its client disconnects`, async () => {
    await on("stay_with_family.sh", tls, async ({ url, pids, files, program }) => {
      using client = Deno.createHttpClient({
        caCerts: [Deno.readTextFileSync(fixture("tls/ca.pem"))],
      });
      const leaver = new AbortController();
      const body = JSON.stringify({ id: "x", data: "YQ==" });
      const leaving = fetch(`${url}/payload`, {
        method: "POST",
        body,
        client,
        signal: leaver.signal,
      })
        .catch((error) => error.name);
      await fileExists(`${pids}/command`);
      leaver.abort();
      assert.equal(await leaving, "AbortError");
      await program.line("outcome=canceled");
      assert.deepEqual(aliveIn(pids), []);
      assert.deepEqual(files(), []);
      const metrics = await (await fetch(`${url}/metrics`, { client })).text();
      assert.match(metrics, ended("canceled"));
    });
  });
}

for (const address of ["127.0.0.1", "::1"]) {
  Deno.test(`${address}: a running job is killed when its client disconnects, even if its body came late`, async () => {
    const env = { JOBRUNNER_HTTP_LISTEN_ADDRESS: address };
    await on("stay_with_family.sh", env, async ({ url, pids, program }) => {
      const leaver = await postInTwoParts(url, { id: "x", data: "YQ==" });
      await fileExists(`${pids}/command`);
      leaver.close();
      await program.line("outcome=canceled");
      assert.deepEqual(aliveIn(pids), []);
    });
  });
}

Deno.test("a waiting job leaves the queue when its client disconnects, even if its body came late", async () => {
  using folder = temporaryFolder();
  await on("hold_until_released.sh", {
    JOBRUNNER_NUM_WORKERS: "1",
    HOLD_RELEASE: `${folder.path}/release`,
  }, async ({ url, program }) => {
    const stayer = await postInTwoParts(url, { id: "stays", data: "YQ==" });
    await fileExists(`${folder.path}/started_stays`);
    const leaver = await postInTwoParts(url, { id: "leaves", data: "YQ==" });
    await eventually("it waits", async () => (await statusOf(url)).queued_jobs === 1);
    leaver.close();
    await program.line("reason=client_gone");
    assert.equal((await statusOf(url)).queued_jobs, 0);
    Deno.writeTextFileSync(`${folder.path}/release`, "");
    await program.line("outcome=success");
    assert.equal((await statusOf(url)).total_jobs, 1, "it never ran");
    stayer.close();
  });
});

Deno.test("JOBRUNNER_ON_DISCONNECT=finish lets a running job finish when its client disconnects", async () => {
  using folder = temporaryFolder();
  await on("hold_until_released.sh", {
    JOBRUNNER_ON_DISCONNECT: "finish",
    HOLD_RELEASE: `${folder.path}/release`,
  }, async ({ url, program }) => {
    const leaver = new AbortController();
    const leaving = post(url, "x", { id: "left", signal: leaver.signal }).catch((error) =>
      error.name
    );
    await fileExists(`${folder.path}/started_left`);
    leaver.abort();
    assert.equal(await leaving, "AbortError");
    assert.equal(await busyWorkers(url), 1);
    Deno.writeTextFileSync(`${folder.path}/release`, "");
    await program.line("outcome=success");
  });
});

Deno.test("a client that received its answer is never treated as disconnected", async () => {
  await on("run_payload.sh", { JOBRUNNER_NUM_WORKERS: "1" }, async ({ url, program }) => {
    for (let round = 0; round < 20; round++) {
      using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
      const body = JSON.stringify({
        id: String(round),
        data: new TextEncoder().encode("exit 0").toBase64(),
      });
      const response = await fetch(`${url}/payload`, { method: "POST", body, client });
      assert.equal((await response.json()).ending, "exited");
    }
    assert.match((await get(`${url}/metrics`)).text, /outcome="canceled"} 0$/m);
    await program.stop();
    assert.ok(!program.log.some((line) => line.includes("canceled")));
  });
});
