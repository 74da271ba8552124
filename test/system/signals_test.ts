/**
 * Each signal has the effect that `src/supervisor/signals.ts` and `docs/reference/signals.md` describe.
 */

import assert from "node:assert/strict";
import { get, post, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { asProcess1 } from "../support/powers.ts";
import { childrenOf, eventually, isAlive } from "../support/processes.ts";
import {
  fixture,
  type Program,
  type ProgramOptions,
  projectRoot,
  runProgram,
  startProgram,
} from "../support/program.ts";
import { filesIn } from "../support/spool.ts";
import { faulty, on } from "../support/stage.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

function start({ env = {}, ...options }: ProgramOptions = {}): Promise<Program> {
  return startProgram({ env: { ...shell, ...env }, ...options });
}

function count(lines: readonly string[], text: string): number {
  return lines.filter((line) => line.includes(text)).length;
}

for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT", "SIGALRM", "SIGPWR"] as const) {
  Deno.test(`${signal} stops the server with exit 0, after running jobs are answered`, async () => {
    await on("hold_until_released.sh", {}, async ({ url, program, folder, release }) => {
      const running = post(url, "x", { id: "running" });
      await fileExists(`${folder}/started_running`);
      const stopped = program.stop(signal);
      assert.ok((await program.line("stopping")).includes(` cause=${signal} `));
      release();
      assert.equal((await running).output, "released\n");
      assert.equal(await stopped, 0);
    });
  });
}

const notFollowed = ["SIGHUP", "SIGUSR2", "SIGIO", "SIGPROF", "SIGVTALRM", "SIGSTKFLT"] as const;

Deno.test(`${notFollowed.join(", ")}: floods of them are logged once each and end nothing`, async () => {
  await on("hold_until_released.sh", {}, async ({ url, program, folder, release }) => {
    const running = post(url, "x", { id: "running" });
    await fileExists(`${folder}/started_running`);
    for (const signal of notFollowed) {
      for (let times = 0; times < 100; times++) {
        Deno.kill(program.pid, signal);
        await program.line(`signal ignored signal=${signal}`);
      }
    }
    release();
    assert.equal((await running).output, "released\n");
    assert.equal(await program.stop(), 0);
    assert.equal(count(program.log, "signal ignored"), notFollowed.length);
  });
});

Deno.test("SIGHUP that was ignored at the start stays ignored, and is not logged", async () => {
  await using program = await start({ through: ["sh", "-c", 'trap "" HUP; exec "$0" "$@"'] });
  Deno.kill(program.pid, "SIGHUP");
  assert.equal((await post(program.url, "echo well")).output, "well\n");
  assert.equal(await program.stop(), 0);
  assert.equal(count(program.log, "SIGHUP"), 0);
});

Deno.test("SIGUSR1 does nothing; above all it does not open the runtime's debugger", async () => {
  const startedAt = performance.now();
  await using program = await start();
  await eventually("the runtime listens, which begins half a second after its start", () => {
    Deno.kill(program.pid, "SIGUSR1");
    return performance.now() - startedAt > 1500;
  });
  assert.equal((await post(program.url, "echo well")).output, "well\n");
  assert.equal(await program.stop(), 0);
  assert.equal(count(program.log, "Debugger listening"), 0);
  assert.equal(count(program.log, "SIGUSR1"), 0);
});

/** Sets soft limits of a running process, such as `--cpu=1:`. */
async function limit(pid: number, limits: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("prlimit", {
    args: ["--pid", String(pid), limits],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("SIGXCPU starts a drain, however often it comes, and the server exits with 1", async () => {
  const env = { JOBRUNNER_DRAIN_TIMEOUT_SEC: "600" };
  await on("hold_until_released.sh", env, async ({ url, program, folder, release }) => {
    const running = post(url, "x", { id: "running" });
    await fileExists(`${folder}/started_running`);
    await limit(program.pid, "--cpu=1:");
    // With each signal the kernel puts the limit a second higher.
    await eventually("it came three times", async () => {
      await Promise.all(Array.from({ length: 50 }, () => get(`${url}/metrics`)));
      const limits = Deno.readTextFileSync(`/proc/${program.pid}/limits`);
      return Number(/^Max cpu time +(\d+)/m.exec(limits)?.[1]) > 3;
    });
    assert.ok((await program.line("stopping")).includes(" cause=SIGXCPU "));
    release();
    assert.equal((await running).output, "released\n");
    assert.equal(await program.exit, 1);
    assert.equal(count(program.log, "forced stop"), 0);
  });
});

Deno.test("SIGXFSZ: a payload beyond the file size limit is a 500; a command may die of it, not the server", async () => {
  await using program = await start();
  await limit(program.pid, "--fsize=100000:");
  // Written in one piece, and in several.
  for (const bytes of [200_000, 3_000_000]) {
    const { status, text } = await post(program.url, " ".repeat(bytes));
    assert.equal(status, 500);
    assert.equal(text, "The server could not write the job's files; see the server's log\n");
  }
  const { json } = await post(
    program.url,
    'exec head -c 200000 /dev/zero >"$JOBRUNNER_JOB_DIR/zeros"',
  );
  assert.deepEqual([json["exit_status"], json["signal"]], [128 + 25, "SIGXFSZ"]);
  assert.equal((await post(program.url, "echo well")).output, "well\n");
  assert.equal(await program.stop(), 0);
  assert.equal(count(program.log, "File too large"), 2);
});

Deno.test("SIGHUP and SIGUSR2 up to the very end do not change the exit status", async () => {
  for (const name of ["HUP", "USR2"]) {
    await using program = await start();
    // Sends it as long as the process exists.
    const flood = new Deno.Command("sh", {
      args: ["-c", `while kill -${name} ${program.pid} 2>/dev/null; do :; done`],
    }).spawn();
    await program.line("signal ignored");
    assert.equal(await program.stop(), 0, name);
    await flood.status;
  }
});

Deno.test("a log file at the file size limit stops neither the start nor jobs", async () => {
  using folder = temporaryFolder();
  const log = `${folder.path}/log`;
  // Beyond what the files of Deno's own cache grow to, which all programs of the machine share; it takes no room on the disk.
  const bytes = 4e9;
  Deno.writeTextFileSync(log, "");
  Deno.truncateSync(log, bytes);
  const port = freePort();
  const child = new Deno.Command("prlimit", {
    args: [
      `--fsize=${bytes}`,
      "sh",
      "-c",
      'exec 2>>"$LOG"; exec "$0" "$@"',
      Deno.execPath(),
      "run",
      "-A",
      "--cached-only",
      `${projectRoot}main.ts`,
    ],
    // An unknown variable causes a log line before anything else happens.
    env: { ...shell, LOG: log, JOBRUNNER_HTTP_LISTEN_PORT: String(port), JOBRUNNER_WORKER: "1" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    "it listens",
    () => get(`${url}/livez`).then(({ status }) => status === 200, () => !isAlive(child.pid)),
  );
  assert.equal((await post(url, "echo well")).output, "well\n");
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  assert.equal(Deno.statSync(log).size, bytes);
});

Deno.test("SIGPIPE, SIGTTIN and SIGTTOU neither end nor suspend the server", async () => {
  await using program = await start();
  for (const signal of ["SIGPIPE", "SIGTTIN", "SIGTTOU"] as const) {
    Deno.kill(program.pid, signal);
    assert.equal((await post(program.url, "echo well")).output, "well\n");
    assert.notEqual(stateOf(program.pid), "T");
  }
  assert.equal(await program.stop(), 0);
});

/** Such as S for sleeping, T for stopped (proc_pid_stat(5)). */
function stateOf(pid: number): string {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return stat.charAt(stat.lastIndexOf(")") + 2);
}

Deno.test("SIGSTOP for longer than the heartbeats allow, then SIGCONT: the server answers and keeps running", async () => {
  await on("run_payload.sh", faulty, async ({ url, program, folder }) => {
    // Ten beats of a tenth of a second.
    const running = post(url, `: >${folder}/started; sleep 2; : >${folder}/over; echo done`);
    await fileExists(`${folder}/started`);
    Deno.kill(program.pid, "SIGSTOP");
    await fileExists(`${folder}/over`);
    assert.equal(stateOf(program.pid), "T");
    Deno.kill(program.pid, "SIGCONT");
    assert.equal((await running).output, "done\n");
    assert.equal((await post(url, "sleep 0.5; echo well")).output, "well\n");
    assert.equal(await program.stop(), 0);
  });
});

for (const signal of ["SIGABRT", "SIGTRAP", "SIGSYS"] as const) {
  Deno.test(`${signal} ends the server at once, and the next start cleans up`, async () => {
    using folder = temporaryFolder();
    const env = { JOBRUNNER_SPOOL_DIR: folder.path };
    await using program = await start({ env });
    await program.stop(signal);
    assert.notDeepEqual(filesIn(folder.path), []);
    await using next = await start({ env });
    await next.line("removed leftovers of a dead server");
    assert.equal(await next.stop(), 0);
    assert.deepEqual(filesIn(folder.path), []);
  });
}

Deno.test("a command gets the default of every signal, even if the server started with it ignored", async () => {
  await using program = await start({
    through: ["sh", "-c", 'trap "" HUP INT QUIT PIPE USR1 USR2 XFSZ; exec "$0" "$@"'],
  });
  const { output } = await post(program.url, "exec grep -E '^Sig(Blk|Ign)' /proc/self/status");
  const [blocked, ignored] = [...output.matchAll(/[0-9a-f]{16}/g)].map(([set]) =>
    BigInt(`0x${set}`)
  );
  // What lies beyond these belongs to the C library (signal(7)).
  assert.deepEqual([blocked, BigInt.asUintN(31, ignored ?? -1n)], [0n, 0n], output);
});

/** Ignores SIGCHLD and becomes another program; a shell would not pass that on. */
const withoutChildren = ["perl", "-e", '$SIG{CHLD} = "IGNORE"; exec @ARGV'];

Deno.test("SIGCHLD that was ignored at the start does not hide how commands end", async () => {
  await using program = await start({ through: withoutChildren });
  const { json } = await post(program.url, "exit 3");
  assert.equal(json["exit_status"], 3);
  assert.equal(count(program.log, " WARN "), 0, program.log.join("\n"));
  const checked = await runProgram({
    args: ["serve", "--check"],
    env: shell,
    through: withoutChildren,
  });
  assert.equal(checked.code, 0);
  assert.match(checked.stdout, /^session: each command's own, by a launcher in /m);
});

Deno.test("SIGCHLD is not caught unless it was ignored at the start: the end of a command wakes only who waits for it", async () => {
  const catches = ({ pid }: Program) => {
    const [, caught] = /^SigCgt:\s*(\S+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ??
      [];
    return (BigInt(`0x${caught}`) >> 16n & 1n) === 1n;
  };
  await using usual = await start({});
  await post(usual.url, "exit 3");
  assert.equal(catches(usual), false);
  await using ignoring = await start({ through: withoutChildren });
  assert.equal(catches(ignoring), true);
});

/** Runs the program as process 1 of a namespace. Signals have no defaults there: the runtime, ending itself by one, crashed. */
async function onlyProcess1(act: (program: Program, pid: number) => Promise<void>): Promise<void> {
  await using program = await start({ through: asProcess1 });
  const [pid = 0] = childrenOf(program.pid);
  try {
    await program.line("running as process 1");
    await act(program, pid);
  } finally {
    // Our signals do not end unshare itself.
    if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
  }
}

Deno.test("process 1 survives signals that it does not handle or that end other processes", async () => {
  await onlyProcess1(async (program, pid) => {
    for (const signal of [...notFollowed, "SIGUSR1", "SIGXFSZ", "SIGPIPE", "SIGABRT"] as const) {
      Deno.kill(pid, signal);
      assert.equal((await post(program.url, "echo well")).output, "well\n");
    }
    for (const signal of notFollowed) await program.line(`signal ignored signal=${signal}`);
    Deno.kill(pid, "SIGTERM");
    assert.equal(await program.exit, 0);
  });
});

for (const signal of ["SIGQUIT", "SIGINT", "SIGPWR"] as const) {
  Deno.test(`process 1 stops on ${signal} with exit 0`, async () => {
    using folder = temporaryFolder();
    const release = `${folder.path}/release`;
    await onlyProcess1(async (program, pid) => {
      const running = post(
        program.url,
        `until [ -e '${release}' ]; do sleep 0.02; done; echo answered`,
      );
      await eventually(
        "it runs",
        async () => (await statusOf(program.url)).busy === 1,
      );
      Deno.kill(pid, signal);
      await program.line("stopping");
      Deno.writeTextFileSync(release, "");
      assert.equal((await running).output, "answered\n");
      assert.equal(await program.exit, 0);
    });
  });
}
