import assert from "node:assert/strict";
import { type Command, commandOf } from "../../src/config/command.ts";
import { createScratch } from "../../src/exec/capture.ts";
import { run, type RunSettings } from "../../src/exec/run.ts";
import type { RunResult } from "../../src/jobs/job.ts";
import { createStop } from "../../src/jobs/stop.ts";
import { thisMachine } from "../../src/supervisor/surroundings.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture } from "../support/program.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function commandHere(words: readonly string[]): Command {
  const env = { PATH: Deno.env.get("PATH") ?? "" };
  const result = commandOf(words, { ...thisMachine(env), env });
  assert.ok(result.ok);
  return result.command;
}

/** Runs `words` on a payload and checks that nothing is left behind. */
async function outcomeOf(
  words: string[],
  payload: string,
  settings: Partial<RunSettings> = {},
  timeoutSec: number | undefined = undefined,
) {
  using temporary = temporarySpool();
  const { spool } = temporary;
  let stored = 0;
  let captured = 0;
  const request = {
    id: "some id",
    requestId: "r",
    payload: new TextEncoder().encode(payload),
    onPayloadStored: () => void stored++,
    onCaptured: (bytes: number) => void (captured += bytes),
    ...(timeoutSec === undefined ? {} : { timeoutSec }),
  };
  const outcome = await run(request, 2, {
    command: commandHere(words),
    commandEnv: { PATH: Deno.env.get("PATH") ?? "", GREETING: "hello" },
    spool,
    requestSuffix: "",
    responseSuffix: "",
    maxOutputBytes: Infinity,
    scratch: createScratch(),
    jobTimeoutMs: Infinity,
    launcher: undefined,
    mend: () => assert.fail("nothing is to be mended"),
    trees: {
      endTree: () => assert.fail("no tree is to be ended"),
      endHolders: () => Promise.resolve(),
    },
    onLeftover: (error) => assert.fail(String(error)),
    ...settings,
  }, hooks());
  assert.deepEqual(filesIn(spool.path), [], "files are gone");
  assert.equal(stored, 1);
  assert.equal(request.payload.length, 0, "the payload is not kept in memory");
  if (outcome.ok && outcome.result.pid !== undefined) {
    const { output, error, data } = outcome.result;
    const kept = [output, error, data].reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert.equal(captured, kept, "what is kept was told");
  }
  return outcome;
}

function hooks() {
  return { stop: createStop(), variables: {}, onStarted: () => {} };
}

async function resultOf(
  words: string[],
  payload: string,
  settings: Partial<RunSettings> = {},
  timeoutSec: number | undefined = undefined,
): Promise<RunResult> {
  const outcome = await outcomeOf(words, payload, settings, timeoutSec);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.result;
}

const shell = [fixture("run_payload.sh")];

Deno.test("bytes pass unchanged through payload, response file, stdout and stderr", async () => {
  const every = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code)).repeat(100);
  const result = await resultOf([fixture("echo_payload.sh")], every);
  for (const captured of [result.data, result.output, result.error]) {
    assert.equal(text(captured.bytes), every);
  }
  assert.deepEqual(result.ending, { kind: "exited", exitStatus: 0 });
});

Deno.test("a lot on both streams at once does not block the command", async () => {
  const result = await resultOf(shell, "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2");
  assert.equal(result.output.bytes.length, 3000000);
  assert.equal(result.error.bytes.length, 3000000);
});

Deno.test("what is over the limit is cut and flagged, and the command runs to its end", async () => {
  const script =
    'head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"; exit 4';
  const result = await resultOf(shell, script, { maxOutputBytes: 1000 });
  for (const captured of [result.data, result.output, result.error]) {
    assert.equal(captured.bytes.length, 1000);
    assert.ok(captured.truncated);
  }
  assert.equal(result.ending.exitStatus, 4);
});

Deno.test("the exit status is what a shell would say", async () => {
  assert.deepEqual((await resultOf(shell, "exit 255")).ending, { kind: "exited", exitStatus: 255 });
  assert.deepEqual((await resultOf(shell, "kill -KILL $$")).ending, {
    kind: "signaled",
    signal: "SIGKILL",
    exitStatus: 137,
  });
  assert.equal((await resultOf(shell, "kill -TERM $$")).ending.exitStatus, 143);
});

Deno.test("standard input is empty, the environment is the inherited one and the job's", async () => {
  const result = await resultOf(
    shell,
    'cat; echo "$GREETING $JOBRUNNER_WORKER_ID <$JOBRUNNER_REQUEST_ID>"; pwd',
  );
  assert.equal(text(result.output.bytes), `hello 2 <some id>\n${Deno.cwd()}\n`);
});

Deno.test("the response file may be appended to, renamed over or deleted", async () => {
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

Deno.test("a response file that is a link is not followed, and the answer says so", async () => {
  const result = await resultOf(shell, 'ln -sf /etc/passwd "$JOBRUNNER_RESPONSE_DATA_FN"');
  assert.equal(result.data.bytes.length, 0);
  assert.match(result.message ?? "", /not a regular file/);
});

Deno.test("a grandchild that holds the pipes does not hold the worker", async () => {
  using folder = temporaryFolder();
  const pidFile = `${folder.path}/pid`;
  const result = await resultOf(shell, `sleep 600 & echo $! >${pidFile}; echo done`);
  Deno.kill(Number(Deno.readTextFileSync(pidFile)), "SIGKILL");
  assert.equal(text(result.output.bytes), "done\n");
});

Deno.test("a command that cannot start: 127 not found, 126 not executable, with the reason", async () => {
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
    assert.match(text(result.error.bytes), reason);
    assert.match(result.message ?? "", reason);
  }
});

Deno.test("a limit reaches the command in plain decimals, however long or short it was asked for", async () => {
  const limit = async (timeoutSec: number | undefined, jobTimeoutMs: number) => {
    const trees = { endTree: () => Promise.resolve(), endHolders: () => Promise.resolve() };
    const settings = { jobTimeoutMs, trees };
    const { output } = await resultOf(shell, "echo $JOBRUNNER_TIMEOUT_SEC", settings, timeoutSec);
    return text(output.bytes).trim();
  };
  assert.equal(await limit(1e21, Infinity), "2147483");
  assert.equal(await limit(Infinity, Infinity), "2147483");
  assert.equal(await limit(1e21, 90_500), "90.5");
  assert.equal(await limit(undefined, 90_500.0000001), "90.5");
  assert.equal(await limit(77.123456, Infinity), "77.123");
  assert.equal(await limit(undefined, Infinity), "");
});

Deno.test("a spool that cannot be used is the server's fault, not the command's", async () => {
  using temporary = temporarySpool();
  const broken = { ...temporary.spool, path: "/dev/null/spool" };
  const outcome = await run(
    {
      id: "i",
      requestId: "r",
      payload: new Uint8Array([1]),
      onPayloadStored: () => {},
      onCaptured: () => {},
    },
    1,
    {
      command: commandHere(shell),
      commandEnv: {},
      spool: broken,
      requestSuffix: "",
      responseSuffix: "",
      maxOutputBytes: 1,
      scratch: createScratch(),
      jobTimeoutMs: Infinity,
      launcher: undefined,
      mend: () => Promise.resolve(),
      trees: { endTree: () => Promise.resolve(), endHolders: () => Promise.resolve() },
      onLeftover: () => {},
    },
    hooks(),
  );
  assert.ok(!outcome.ok);
  assert.equal(outcome.fault.kind, "spool_unusable");
});
