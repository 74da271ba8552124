import assert from "node:assert/strict";
import { createColdStart } from "../../src/exec/cold_start.ts";
import { createCaptures } from "../../src/exec/capture.ts";
import { run, type RunSettings } from "../../src/exec/run.ts";
import type { RunEnd, Runner } from "../../src/exec/runner.ts";
import type { JobSpec } from "../../src/jobs/job.ts";
import { createStop } from "../../src/jobs/stop.ts";
import { makeJobFolder } from "../../src/spool/job_folder.ts";
import type { Spool } from "../../src/spool/spool.ts";
import type { FileNames, RunFiles } from "../../src/spool/workspace.ts";
import { coldStartOf } from "../support/cold_start.ts";
import { temporaryFolder } from "../support/folder.ts";
import { specOf } from "../support/jobs.ts";
import { fixture } from "../support/program.ts";
import { stubRunner } from "../support/stub_runner.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";
import { nextTurn } from "../support/turn.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Differences from a job without limits. */
interface Differences
  extends Partial<RunSettings>, Partial<Pick<FileNames, "requestSuffix" | "responseSuffix">> {
  readonly jobTimeoutMs?: number;
  readonly timeoutSec?: number;
}

function settingsOf(
  spool: Spool,
  words: readonly string[],
  { jobTimeoutMs = Infinity, requestSuffix = "", responseSuffix = "", ...settings }: Differences,
) {
  const commandEnv = { PATH: Deno.env.get("PATH") ?? "", GREETING: "hello" };
  return {
    spool,
    runner: createColdStart(coldStartOf(spool, words, {
      commandEnv,
      jobTimeoutMs,
      requestSuffix,
      responseSuffix,
    })),
    maxOutputBytes: Infinity,
    maxResultBytes: Infinity,
    onLeftover: (error: unknown) => assert.fail(String(error)),
    ...settings,
  };
}

/** Runs `words` on a payload and checks that nothing is left behind. */
async function outcomeOf(words: string[], payload: string, differences: Differences = {}) {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const { timeoutSec, ...settings } = differences;
  let stored = 0;
  let captured = 0;
  const spec: JobSpec = specOf("some id", {
    input: { kind: "bytes", bytes: new TextEncoder().encode(payload) },
    ...(timeoutSec === undefined ? {} : { timeoutSec }),
  });
  const handle = {
    onInputStored: () => void stored++,
    onCaptured: (bytes: number) => void (captured += bytes),
  };
  const captures = createCaptures(settings.maxOutputBytes ?? Infinity, handle.onCaptured);
  const outcome = await run(
    { spec, handle, stop: createStop(), workerId: 2, variables: {} },
    settingsOf(spool, words, settings),
    (event) => captures.onEvent(event),
  );
  assert.deepEqual(filesIn(spool.path), [], "files are gone");
  assert.equal(stored, 1);
  assert.deepEqual(spec.input, { kind: "bytes", bytes: new Uint8Array() }, "nothing is kept");
  const [output, error] = [captures.output(), captures.error()];
  if (outcome.ok) {
    const kept = [output, error, outcome.data].reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert.equal(captured, kept, "all that is kept was reported");
  }
  return { outcome, output, error };
}

async function resultOf(words: string[], payload: string, differences: Differences = {}) {
  const { outcome, output, error } = await outcomeOf(words, payload, differences);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return { ...outcome, output, error };
}

const shell = [fixture("run_payload.sh")];

Deno.test("run() passes bytes unchanged through payload, response file, stdout and stderr", async () => {
  const every = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code)).repeat(100);
  const result = await resultOf([fixture("echo_payload.sh")], every);
  for (const captured of [result.data, result.output, result.error]) {
    assert.equal(text(captured.bytes), every);
  }
  assert.deepEqual(result.ending, { kind: "exited", exitStatus: 0 });
});

Deno.test("run() does not block a command that writes a lot to both streams at once", async () => {
  const result = await resultOf(shell, "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2");
  assert.equal(result.output.bytes.length, 3000000);
  assert.equal(result.error.bytes.length, 3000000);
});

Deno.test("run() truncates and flags what is over the limit, and lets the command run to its end", async () => {
  const script =
    'head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"; exit 4';
  const result = await resultOf(shell, script, { maxOutputBytes: 1000 });
  for (const captured of [result.data, result.output, result.error]) {
    assert.equal(captured.bytes.length, 1000);
    assert.ok(captured.truncated);
  }
  assert.equal(result.ending.exitStatus, 4);
});

Deno.test("run() reports the exit status that a shell would", async () => {
  assert.deepEqual((await resultOf(shell, "exit 255")).ending, { kind: "exited", exitStatus: 255 });
  assert.deepEqual((await resultOf(shell, "kill -KILL $$")).ending, {
    kind: "signaled",
    signal: "SIGKILL",
    exitStatus: 137,
  });
  assert.equal((await resultOf(shell, "kill -TERM $$")).ending.exitStatus, 143);
});

Deno.test("run() gives the command an empty standard input, the inherited environment and the job's", async () => {
  const result = await resultOf(
    shell,
    'cat; echo "$GREETING $JOBRUNNER_WORKER_ID <$JOBRUNNER_REQUEST_ID>"; pwd',
  );
  assert.equal(text(result.output.bytes), `hello 2 <some id>\n${Deno.cwd()}\n`);
});

Deno.test("run() accepts a response file that was appended to, renamed over or deleted", async () => {
  const data = async (script: string) => text((await resultOf(shell, script)).data.bytes);
  assert.equal(
    await data('echo a >>"$JOBRUNNER_RESPONSE_DATA_FN"; echo b >>"$JOBRUNNER_RESPONSE_DATA_FN"'),
    "a\nb\n",
  );
  assert.equal(
    await data('f=$JOBRUNNER_RESPONSE_DATA_FN; echo c >"$f.tmp"; mv "$f.tmp" "$f"'),
    "c\n",
  );
  assert.equal(await data('rm "$JOBRUNNER_RESPONSE_DATA_FN"'), "");
});

Deno.test("run() does not follow a response file that is a link, and says so in the message", async () => {
  const result = await resultOf(shell, 'ln -sf /etc/passwd "$JOBRUNNER_RESPONSE_DATA_FN"');
  assert.equal(result.data.bytes.length, 0);
  assert.match(result.message ?? "", /not a regular file/);
});

Deno.test("run() does not wait for a grandchild that holds the pipes", async () => {
  using folder = temporaryFolder();
  const pidFile = `${folder.path}/pid`;
  const result = await resultOf(shell, `sleep 600 & echo $! >${pidFile}; echo done`);
  Deno.kill(Number(Deno.readTextFileSync(pidFile)), "SIGKILL");
  assert.equal(text(result.output.bytes), "done\n");
});

Deno.test("run() reports 127 for a command that is not found, 126 for one not executable, and the reason", async () => {
  using folder = temporaryFolder();
  const file = (name: string, content: string, mode: number) => {
    Deno.writeTextFileSync(`${folder.path}/${name}`, content);
    Deno.chmodSync(`${folder.path}/${name}`, mode);
    return `${folder.path}/${name}`;
  };
  const cases: [string[], number, RegExp][] = [
    [[`${folder.path}/gone`], 127, /cannot run .*\/gone: not found/],
    [[file("interpreter", "#!/no/such/interpreter\n", 0o755)], 127, /not found/],
    [[file("plain", "#!/bin/sh\n", 0o644)], 126, /cannot run .*\/plain: permission denied/],
    [[folder.path], 126, /permission denied/],
  ];
  for (const [words, exitStatus, reason] of cases) {
    const result = await resultOf(words, "x");
    assert.equal(result.ending.kind, "not_started", words[0]);
    assert.equal(result.ending.exitStatus, exitStatus, words[0]);
    assert.equal(result.output.bytes.length + result.error.bytes.length, 0);
    assert.match(result.message ?? "", reason);
  }
});

Deno.test("JOBRUNNER_TIMEOUT_SEC reaches the command in plain decimals, however long or short the limit", async () => {
  const limit = async (timeoutSec: number | undefined, jobTimeoutMs: number) => {
    const asked = timeoutSec === undefined ? {} : { timeoutSec };
    const { output } = await resultOf(shell, "echo $JOBRUNNER_TIMEOUT_SEC", {
      jobTimeoutMs,
      ...asked,
    });
    return text(output.bytes).trim();
  };
  assert.equal(await limit(1e21, Infinity), "2147483");
  assert.equal(await limit(Infinity, Infinity), "2147483");
  assert.equal(await limit(1e21, 90_500), "90.5");
  assert.equal(await limit(undefined, 90_500.0000001), "90.5");
  assert.equal(await limit(77.123456, Infinity), "77.123");
  assert.equal(await limit(undefined, Infinity), "");
});

Deno.test("run() gives each of the two files its own suffix", async () => {
  const { output } = await resultOf(
    shell,
    'echo "${JOBRUNNER_REQUEST_DATA_FN##*.} ${JOBRUNNER_RESPONSE_DATA_FN##*.}"',
    { requestSuffix: ".in", responseSuffix: ".out" },
  );
  assert.equal(text(output.bytes), "in out\n");
});

/** Runs a job without a process: `act` is all that the command does. */
async function runWithout(
  spool: Spool,
  act: (files: RunFiles) => Promise<RunEnd>,
  onLeftover: RunSettings["onLeftover"] = (error) => assert.fail(String(error)),
) {
  return await run(
    { spec: specOf("i"), handle: undefined, stop: createStop(), workerId: 1, variables: {} },
    settingsOf(spool, shell, {
      runner: stubRunner(spool, ({ files }) => act(files)),
      onLeftover,
    }),
    () => {},
  );
}

const exited: RunEnd = {
  ok: true,
  ending: { kind: "exited", exitStatus: 0 },
  elapsedSec: 1,
  pid: 1,
};
const refused: RunEnd = { ok: false, failure: { kind: "spawn_refused", reason: "none left" } };

Deno.test("run() joins the sentence of a run and that about its response", async () => {
  using temporary = temporarySpool();
  const messageOf = async (end: RunEnd, act: (path: string) => void) => {
    const outcome = await runWithout(temporary.spool, ({ responseFile }) => {
      act(responseFile);
      return Promise.resolve(end);
    });
    assert.ok(outcome.ok);
    return outcome.message;
  };
  const replaced = { ...exited, message: "it was replaced" };
  const byFolder = (path: string) => {
    Deno.removeSync(path);
    Deno.mkdirSync(path);
  };
  assert.equal(await messageOf(replaced, () => {}), "it was replaced");
  assert.match(await messageOf(exited, byFolder) ?? "", /^the response file .* not a regular file/);
  assert.match(
    await messageOf(replaced, byFolder) ?? "",
    /^it was replaced; the response file .* not a regular file/,
  );
  assert.equal(await messageOf(exited, () => {}), undefined);
});

Deno.test("run() reads the response before it removes the files, and resolves when they are removed", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  let looks = 0;
  const slow = {
    ...spool,
    async ensure() {
      const isOver = ++looks % 2 === 0;
      for (let turn = 0; isOver && turn < 5; turn++) {
        await nextTurn();
      }
      await spool.ensure();
    },
  };
  const outcome = await runWithout(slow, (files) => {
    Deno.writeTextFileSync(files.responseFile, "response");
    return Promise.resolve(exited);
  });
  assert.ok(outcome.ok);
  assert.equal(text(outcome.data.bytes), "response");
  assert.deepEqual(await runWithout(slow, () => Promise.resolve(refused)), refused);
  assert.deepEqual(filesIn(spool.path), []);
  const bug = new Error("oh");
  await assert.rejects(runWithout(slow, () => Promise.reject(bug)), bug);
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("run() reports files that cannot be removed, without changing the outcome", async () => {
  using temporary = temporarySpool();
  let damaged = false;
  const damage = new Error("damaged");
  const spool = {
    ...temporary.spool,
    ensure: () => damaged ? Promise.reject(damage) : temporary.spool.ensure(),
  };
  const leftovers: unknown[] = [];
  const outcome = await runWithout(spool, () => {
    damaged = true;
    return Promise.resolve(refused);
  }, (error) => void leftovers.push(error));
  assert.deepEqual(outcome, refused);
  assert.deepEqual(leftovers, [damage]);
});

Deno.test("run() frees the memory of a large payload when it is in its file or cannot be written", async () => {
  using temporary = temporarySpool();
  for (const path of [temporary.spool.path, "/dev/null/spool"]) {
    const spool = { ...temporary.spool, path };
    const bytes = new Uint8Array(1_000_000);
    const spec = specOf("i", { input: { kind: "bytes", bytes } });
    let stored = 0;
    const handle = { onInputStored: () => void stored++, onCaptured() {} };
    await run(
      { spec, handle, stop: createStop(), workerId: 1, variables: {} },
      settingsOf(spool, shell, {
        runner: stubRunner(spool, () => {
          assert.deepEqual([stored, bytes.length], [1, 0], "before the command runs");
          return Promise.resolve(exited);
        }),
      }),
      () => {},
    );
    assert.equal(stored, 1);
    assert.equal(bytes.length, 0);
    assert.deepEqual(spec.input, { kind: "bytes", bytes: new Uint8Array() });
  }
});

Deno.test("run() reports a spool that cannot be used as a failure of the server, not of the command", async () => {
  using temporary = temporarySpool();
  const spool = { ...temporary.spool, path: "/dev/null/spool" };
  const spec = specOf("i");
  const outcome = await run(
    { spec, handle: undefined, stop: createStop(), workerId: 1, variables: {} },
    settingsOf(spool, shell, { onLeftover: () => {} }),
    () => assert.fail("nothing has run"),
  );
  assert.ok(!outcome.ok);
  assert.equal(outcome.failure.kind, "spool_unusable");
});

Deno.test("run() releases the worker when the job's files are removed, or could not be made", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const stub = stubRunner(spool, () => Promise.resolve(exited));
  const runners: readonly [Runner["prepare"], boolean][] = [
    [stub.prepare, true],
    [() => Promise.reject(new Error("no space")), false],
  ];
  for (const [prepare, ok] of runners) {
    const released: number[] = [];
    const release = (workerId: number) => {
      released.push(workerId);
      assert.deepEqual(filesIn(spool.path), []);
    };
    const outcome = await run(
      { spec: specOf("i"), handle: undefined, stop: createStop(), workerId: 3, variables: {} },
      settingsOf(spool, shell, { runner: { prepare, release } }),
      () => {},
    );
    assert.equal(outcome.ok, ok);
    assert.deepEqual(released, [3]);
  }
});

Deno.test("run() accepts a payload that lies in the job's folder before its worker is known", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const folder = makeJobFolder(spool);
  const script = 'basename "$JOBRUNNER_REQUEST_DATA_FN"; ls "$JOBRUNNER_JOB_DIR" | wc -l';
  Deno.writeTextFileSync(`${folder.path}/body`, script);
  const captures = createCaptures(Infinity, () => {});
  const input = { kind: "file" as const, folder: folder.path, name: "body", length: script.length };
  const outcome = await run(
    {
      spec: specOf("i", { input }),
      handle: undefined,
      stop: createStop(),
      workerId: 7,
      variables: {},
    },
    settingsOf(spool, shell, {}),
    (event) => captures.onEvent(event),
  );
  assert.ok(outcome.ok);
  assert.match(text(captures.output().bytes), /^jobdata_w_7_id_i_req_[0-9a-f]{16}\n2\n$/);
  assert.deepEqual(filesIn(spool.path), []);
});
