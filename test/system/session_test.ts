/**
 * Each command has a session of its own, and only the server chooses the command.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { boundByModes } from "../support/powers.ts";
import { aliveIn } from "../support/processes.ts";
import { fixture, type ProgramOptions, runProgram, startProgram } from "../support/program.ts";
import { on } from "../support/stage.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

function start({ env = {}, ...options }: ProgramOptions = {}) {
  return startProgram({ env: { ...shell, ...env }, ...options });
}

/** State, process group and session of a process (proc_pid_stat(5)). */
function statOf(pid: number): { readonly state: string; readonly group: number; session: number } {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const [state = "", , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state, group: Number(group), session: Number(session) };
}

const whoAmI = "set -- $(cat /proc/$$/stat); echo $$ $5 $6";

Deno.test("a command leads a session and a process group of its own", async () => {
  await using program = await start();
  const [pid, group, session] = (await post(program.url, whoAmI)).output.trim().split(" ");
  assert.deepEqual([group, session], [pid, pid]);
});

Deno.test("JOBRUNNER_OWN_SESSION=off leaves a command in the server's session and process group", async () => {
  await using program = await start({ env: { JOBRUNNER_OWN_SESSION: "off" } });
  const { group, session } = statOf(program.pid);
  const { output } = await post(program.url, whoAmI);
  assert.deepEqual(output.trim().split(" ").slice(1), [String(group), String(session)]);
});

for (
  const [script, status, signal] of [
    ["trap 'kill 0' EXIT; sleep 1000 & echo said", 143, "SIGTERM"],
    ["echo said; kill -KILL 0", 137, "SIGKILL"],
    ["echo said; kill -INT 0; sleep 1000", 130, "SIGINT"],
  ] as const
) {
  Deno.test(`a command that signals its process group reaches only its own job: ${script}`, async () => {
    await using program = await start();
    const { json, output } = await post(program.url, script);
    assert.deepEqual([json["exit_status"], json["signal"], output], [status, signal, "said\n"]);
    assert.equal((await post(program.url, "echo well")).output, "well\n");
    assert.equal(await program.stop(), 0);
  });
}

Deno.test("a command has no terminal, an empty input, and a soft limit of 1024 open files", async () => {
  await using program = await start();
  const { output, error } = await post(program.url, "cat; ulimit -Sn; : </dev/tty");
  assert.equal(output, "1024\n");
  assert.match(error, /No such device or address/);
});

Deno.test("SIGTTIN and SIGTTOU do not suspend a server with JOBRUNNER_OWN_SESSION=off", async () => {
  await using program = await start({ env: { JOBRUNNER_OWN_SESSION: "off" } });
  for (const signal of ["SIGTTIN", "SIGTTOU"] as const) {
    Deno.kill(program.pid, signal);
    assert.equal((await post(program.url, "echo well")).output, "well\n");
    assert.notEqual(statOf(program.pid).state, "T");
  }
  assert.equal(await program.stop(), 0);
});

Deno.test("a command's environment is the server's without secrets, with JOBRUNNER_ variables of the job", async () => {
  const env = {
    GREETING: "hello world",
    EMPTY: "",
    JOBRUNNER_PASSWORD: "hunter2",
    JOBRUNNER_WORKER_ID: "77",
    JOBRUNNER_LOG_LEVEL: "info",
    TRACEPARENT: "the server's",
    LD_BIND_NOW: "1",
  };
  await using program = await start({ env });
  const { output } = await post(program.url, "env -0", {
    headers: { "X-JR-PASSWORD": "hunter2" },
  });
  const entries = output.split("\0");
  const names = entries.map((entry) => entry.slice(0, entry.indexOf("=")));
  assert.equal(new Set(names).size, names.length, "no variable stands there twice");
  for (
    const entry of [
      "GREETING=hello world",
      "EMPTY=",
      "JOBRUNNER_WORKER_ID=1",
      "JOBRUNNER_LOG_LEVEL=info",
      "LD_BIND_NOW=1",
      `PATH=${Deno.env.get("PATH")}`,
    ]
  ) assert.ok(entries.includes(entry), entry);
  assert.ok(!output.includes("hunter2"));
  assert.ok(!names.includes("TRACEPARENT"));
});

/** Commands that cannot be started: exactly as without a launcher. */
const missing: readonly (readonly [what: string, status: number, make: (path: string) => void])[] =
  [
    ["is missing", 127, () => {}],
    ["is not executable", 126, (path) => Deno.writeTextFileSync(path, "#!/bin/sh\n")],
    ["is a folder", 126, (path) => Deno.mkdirSync(path)],
    ["has a missing interpreter", 127, (path) => {
      Deno.writeTextFileSync(path, "#!/no/such/interpreter\n", { mode: 0o755 });
    }],
  ];

for (const [what, status, make] of missing) {
  Deno.test(`a command that ${what} is ${status}, with the same answer as without a launcher`, async () => {
    using folder = temporaryFolder();
    const command = `${folder.path}/command`;
    make(command);
    const answers = [];
    for (const ownSession of ["on", "off"]) {
      await using program = await start({
        env: {
          JOBRUNNER_CMD: command,
          JOBRUNNER_OWN_SESSION: ownSession,
          // A limit shorter than the launcher's line.
          JOBRUNNER_MAX_OUTPUT_BYTES: "5",
        },
      });
      const { json } = await post(program.url, "x");
      const { elapsed_sec: _elapsed, queued_sec: _queued, ...rest } = json;
      answers.push(rest);
    }
    assert.deepEqual(answers[0], answers[1]);
    assert.equal(answers[0]?.["exit_status"], status);
    assert.equal(answers[0]?.["ending"], "not_started");
  });
}

Deno.test("a command that itself exits with 126 or 127 counts as started", async () => {
  await using program = await start();
  for (const script of ["exit 127", "echo 'jobrunner-0123456789abcdef 002' >&2; exit 126"]) {
    assert.equal((await post(program.url, script)).json["ending"], "exited");
  }
});

Deno.test("a command without #! is run by sh, with its arguments", async () => {
  using folder = temporaryFolder();
  const command = `${folder.path}/command`;
  Deno.writeTextFileSync(command, 'echo "$0" "$@"\n', { mode: 0o755 });
  await using program = await start({ env: { JOBRUNNER_CMD: `${command} 'a b' ''` } });
  assert.equal((await post(program.url, "x")).output, `${command} a b \n`);
});

/** Damage that jobs have done to the launcher, by accident or not. */
const damages: readonly (readonly [what: string, script: string])[] = [
  ["removes it", "rm $run/command"],
  ["removes its folder", "rm -rf $run"],
  ["makes it unexecutable", "chmod 600 $run/command"],
  ["shuts its folder", "chmod 000 $run"],
  ["puts a folder in its place", "rm -f $run/command; mkdir $run/command"],
  ["puts a file in its folder's place", "rm -rf $run; echo x >$run"],
  ["puts a link to itself in its place", "rm -f $run/command; ln -s command $run/command"],
  ["removes all that the server has", 'cd /; rm -rf "$(dirname $run)"'],
];

for (const [what, script] of damages) {
  Deno.test(`the launcher is repaired after a job ${what}, and later jobs run`, async () => {
    using folder = temporaryFolder();
    await using program = await start({
      env: { JOBRUNNER_SPOOL_DIR: folder.path },
      through: boundByModes,
    });
    const run = "run=${JOBRUNNER_JOB_DIR%/spool/*}/run";
    assert.equal((await post(program.url, `${run}; ${script}`)).json["exit_status"], 0);
    const { output } = await post(program.url, whoAmI);
    const [pid, , session] = output.trim().split(" ");
    assert.equal(session, pid, "it was started by the launcher");
    await program.line("repaired the server's folder");
    assert.equal(await program.stop(), 0);
    assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  });
}

for (
  const [what, script] of [
    ["empties", "chmod 700 $run/command; : >$run/command"],
    ["replaces", "cp /bin/true $run/other; mv -f $run/other $run/command"],
    ["overwrites", "chmod 700 $run/command; echo 'exit 3' >$run/command"],
  ] as const
) {
  Deno.test(`the launcher is repaired as soon as a job ${what} it`, async () => {
    await using program = await start({ through: boundByModes });
    await post(program.url, `run=\${JOBRUNNER_JOB_DIR%/spool/*}/run; ${script}`);
    await program.line("repaired the server's folder");
    assert.equal((await post(program.url, "echo well; exit 7")).output, "well\n");
  });
}

Deno.test("a timeout kills a process that cleared its environment and whose parents have exited", async () => {
  const env = { JOBRUNNER_JOB_TIMEOUT_SEC: "1" };
  await on("stay_without_environment.sh", env, async ({ url, program, pids }) => {
    assert.equal((await post(url, "x")).json["ending"], "timed_out");
    assert.deepEqual(aliveIn(pids), []);
    assert.equal(await program.stop(), 0);
  });
});

Deno.test("a process that holds an exited command's output is killed, even without environment and parents", async () => {
  await on("hold_stdout_without_environment.sh", {}, async ({ url, program, pids }) => {
    assert.equal((await post(url, "x")).output, "begun\n");
    assert.deepEqual(aliveIn(pids), []);
    assert.equal(await program.stop(), 0);
  });
});

for (
  const [name, fixture, limit, ending] of [
    [
      "a timeout kills a chain of processes that fork and exit too fast to be seen",
      "fork_chain.sh",
      { JOBRUNNER_JOB_TIMEOUT_SEC: "0.5" },
      "timed_out",
    ],
    [
      "a timeout kills a chain of process groups that fork and exit too fast to be seen",
      "fork_chain_in_groups.sh",
      { JOBRUNNER_JOB_TIMEOUT_SEC: "0.5" },
      "timed_out",
    ],
    [
      "the command's exit kills a chain of process groups that holds its output",
      "fork_chain_in_groups.sh",
      { STAY: "0.2" },
      "exited",
    ],
  ] as const
) {
  Deno.test(name, async () => {
    using folder = temporaryFolder();
    const chain = `${folder.path}/chain`;
    await new Deno.Command("mkfifo", { args: [chain] }).output();
    // Ends when no process holds the other end any more.
    const held = new Deno.Command("cat", { args: [chain] }).output();
    const env = { ...limit, CHAIN: chain };
    try {
      await on(fixture, env, async ({ url, program }) => {
        assert.equal((await post(url, "x")).json["ending"], ending);
        const giveUp = AbortSignal.timeout(20_000);
        const never = new Promise<undefined>((resolve) =>
          giveUp.onabort = () => resolve(undefined)
        );
        const written = (await Promise.race([held, never]))?.stdout;
        assert.match(
          new TextDecoder().decode(written),
          /^\.{2,}$/,
          "there was a chain, and it is gone",
        );
        assert.equal(await program.stop(), 0);
      });
    } finally {
      Deno.removeSync(chain);
      await held;
    }
  });
}

Deno.test("LD_BIND_NOW without a launcher prevents the start, and both ways out are named", async () => {
  const env = { ...shell, LD_BIND_NOW: "1", JOBRUNNER_OWN_SESSION: "off" };
  const { code, stderr } = await runProgram({ env });
  assert.equal(code, 2);
  assert.equal(
    stderr,
    "LD_BIND_NOW: must be unset while the sandbox is on, since no command could start: unset it, or set JOBRUNNER_SANDBOX=off\n",
  );
});
