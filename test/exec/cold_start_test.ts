import assert from "node:assert/strict";
import { type ColdStartSettings, createColdStart } from "../../src/exec/cold_start.ts";
import type { RunEvent, RunOrder } from "../../src/exec/runner.ts";
import { createStop } from "../../src/jobs/stop.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { coldStartOf } from "../support/cold_start.ts";
import { commandHere } from "../support/commands.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture } from "../support/program.ts";
import { testRunner } from "../support/runner_suite.ts";
import { temporarySpool } from "../support/spool.ts";

/** Settings of a cold start of shell scripts that have no children. */
const settingsIn = (spool: Spool): ColdStartSettings =>
  coldStartOf(spool, [fixture("run_payload.sh")], {
    trees: {
      endTree: ({ pid }) => Promise.resolve(Deno.kill(pid, "SIGKILL")),
      endHolders: () => Promise.resolve(),
    },
  });

testRunner({
  name: "createColdStart()",
  create: (spool, { words, jobTimeoutMs = Infinity }) => ({
    runner: createColdStart({
      ...settingsIn(spool),
      ...(words ? { command: commandHere(words) } : {}),
      jobTimeoutMs,
    }),
    close: () => Promise.resolve(),
  }),
});

/** Runs a script with other settings; returns its end, its output and the job's folder. */
async function runOf(
  script: string,
  other: Partial<ColdStartSettings>,
  order: Partial<RunOrder> = {},
) {
  using temporary = temporarySpool();
  const input = { kind: "bytes" as const, bytes: new TextEncoder().encode(script) };
  const text = { stdout: "", stderr: "" };
  const runner = createColdStart({ ...settingsIn(temporary.spool), ...other });
  const prepared = await runner.prepare(input, { workerId: 1, id: "i" });
  const end = await prepared.run(
    { spec: { id: "i" }, variables: {}, stop: createStop(), ...order },
    (event: RunEvent) => {
      if ("bytes" in event) text[event.kind] += new TextDecoder().decode(event.bytes);
    },
  );
  await prepared.files.remove();
  return { end, folder: prepared.files.folder, ...text };
}

/** In place of a launcher: a script that writes a launcher's line. */
function launcherOf(folder: string, script: string) {
  const path = `${folder}/launcher`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return { path, word: "word", holdsAll: true };
}

Deno.test("createColdStart() recognizes by the launcher's line that the command was not started", async () => {
  using folder = temporaryFolder();
  const run = (errno: string) =>
    runOf("", { launcher: launcherOf(folder.path, `echo "word ${errno}" >&2; exit 127`) });
  const notFound = await run("002");
  assert.ok(notFound.end.ok && notFound.end.ending.kind === "not_started");
  assert.equal(notFound.end.ending.exitStatus, 127);
  assert.ok(notFound.end.elapsedSec > 0);
  assert.equal(notFound.stdout + notFound.stderr, "");
  const noFolder = await run("202");
  assert.ok(noFolder.end.ok && noFolder.end.ending.kind === "not_started");
  assert.equal(noFolder.end.ending.exitStatus, 126);
  assert.equal(noFolder.stdout + noFolder.stderr, "");
  const noMemory = await run("012");
  assert.ok(!noMemory.end.ok);
  assert.equal(noMemory.end.failure.kind, "spawn_refused");
});

Deno.test("createColdStart() passes on output that only looks like the launcher's line", async () => {
  using folder = temporaryFolder();
  const line = "word 002\n";
  const launcher = launcherOf(folder.path, 'echo out; echo "word 002" >&2; exit 127');
  const ran = await runOf("", { launcher });
  assert.ok(ran.end.ok);
  assert.deepEqual(ran.end.ending, { kind: "exited", exitStatus: 127 });
  assert.deepEqual([ran.stdout, ran.stderr], ["out\n", line]);
  const gate = `${folder.path}/gate`;
  const stop = createStop();
  stop.request("canceled");
  const canceled = await runOf("", {
    launcher: launcherOf(
      folder.path,
      `echo "word 002" >&2; until [ -e ${gate} ]; do sleep 0.01; done; exit 127`,
    ),
    trees: {
      endTree: () => Promise.resolve(Deno.writeTextFileSync(gate, "")),
      endHolders: () => Promise.resolve(),
    },
  }, { stop });
  assert.ok(canceled.end.ok);
  assert.equal(canceled.end.ending.kind, "canceled");
  assert.equal(canceled.stderr, line);
});

Deno.test("createColdStart() reports spawn_refused when repairing does not make the launcher start", async () => {
  let repaired = 0;
  const { end } = await runOf("", {
    launcher: { path: "/no/such/launcher", word: "word", holdsAll: true },
    repair: () => Promise.resolve(void repaired++),
  });
  assert.ok(!end.ok);
  assert.equal(end.failure.kind, "spawn_refused");
  assert.match(end.failure.reason, /^cannot run the launcher \/no\/such\/launcher: /);
  assert.ok(repaired > 0);
});

for (const [held, other] of [["stdout", "2"], ["stderr", ""]] as const) {
  Deno.test(`createColdStart() has a holder of ${held} killed, and does not count that time as the command's`, async () => {
    using folder = temporaryFolder();
    const pidFile = `${folder.path}/pid`;
    const ended: { readonly pid: number; readonly mark: string }[] = [];
    const before = performance.now();
    const run = await runOf(`sleep 600 ${other}>/dev/null & echo $! >${pidFile}; echo out`, {
      trees: {
        endTree: () => assert.fail("no cause came in"),
        endHolders(tree) {
          ended.push(tree);
          return Promise.resolve(Deno.kill(Number(Deno.readTextFileSync(pidFile)), "SIGKILL"));
        },
      },
    });
    const allSec = (performance.now() - before) / 1000;
    assert.ok(run.end.ok);
    assert.deepEqual(ended, [{ pid: run.end.pid, mark: run.folder }]);
    assert.equal(run.stdout, "out\n");
    assert.ok(allSec - run.end.elapsedSec > 0.2, "the pipes were given a moment");
  });
}

Deno.test("createColdStart() on a cause kills the command's process tree, marked with the job's folder", async () => {
  const ended: { readonly pid: number; readonly mark: string }[] = [];
  const stop = createStop();
  stop.request("shutdown");
  const run = await runOf("exec sleep 600", {
    trees: {
      endTree(tree) {
        ended.push(tree);
        return Promise.resolve(Deno.kill(tree.pid, "SIGKILL"));
      },
      endHolders: () => Promise.resolve(),
    },
  }, { stop });
  assert.ok(run.end.ok);
  assert.deepEqual(ended, [{ pid: run.end.pid, mark: run.folder }]);
});

Deno.test("createColdStart() gives a command a limit of at least a millisecond", async () => {
  using folder = temporaryFolder();
  const said = `${folder.path}/said`;
  const run = await runOf(`echo $JOBRUNNER_TIMEOUT_SEC; : >${said}`, {
    // The command ends by itself.
    trees: { endTree: () => fileExists(said), endHolders: () => Promise.resolve() },
  }, { spec: { id: "i", timeoutSec: 0.0001 } });
  assert.equal(run.stdout, "0.001\n");
});

Deno.test("createColdStart() gives a command what its request says", async () => {
  const request = {
    queryString: "a=1",
    contentType: "text/plain",
    contentLength: 7,
    filename: "a b",
    headers: { "x-tenant": "t" },
  };
  const names = ["QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "FILENAME", "HTTP_X_TENANT"];
  const shown = names.map((name) => `$JOBRUNNER_${name}`).join("|");
  const run = await runOf(`echo "${shown}"`, { passHeaders: ["x-tenant"] }, {
    spec: { id: "i", request },
  });
  assert.equal(run.stdout, "a=1|text/plain|7|a b|t\n");
});
