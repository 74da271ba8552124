/**
 * How named commands are started where they have no session of their own, and where no launcher can start them.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runNamed, shellCmd, startNamed, tomlString } from "../support/named.ts";
import { withoutProgramsIn } from "../support/powers.ts";
import { aliveIn, killAllIn } from "../support/processes.ts";
import { fixture } from "../support/program.ts";

const session = "set -- $(cat /proc/$$/stat); echo $$ $6";

/** The session of a process (proc_pid_stat(5)). */
function sessionOf(pid: number): string | undefined {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3];
}

for (const sandbox of ["on", "off"]) {
  Deno.test(`JOBRUNNER_OWN_SESSION=off leaves commands in the server's session, with their limits; sandbox ${sandbox}`, async () => {
    using folder = temporaryFolder();
    Deno.mkdirSync(`${folder.path}/1`);
    const place = tomlString(`${folder.path}/{worker_id}`);
    await using program = await startNamed(
      `[commands.bound]\n${shellCmd}\nnum_workers = 1\nlimit_open_files = 100\numask = 0o027\nworking_directory = ${place}\n
      [commands.free]\n${shellCmd}\n`,
      { env: { JOBRUNNER_OWN_SESSION: "off", JOBRUNNER_SANDBOX: sandbox } },
    );
    const limits = "ulimit -n; umask; pwd";
    const bound = await post(program.url, `${limits}; ${session}`, { command: "bound" });
    const free = await post(program.url, session, { command: "free" });
    const [files, umask, place1, last = ""] = bound.output.trim().split("\n");
    assert.deepEqual([files, umask, place1], ["100", "0027", `${folder.path}/1`]);
    for (const line of [last, free.output.trim()]) {
      assert.equal(line.split(" ")[1], sessionOf(program.pid));
    }
  });
}

Deno.test("JOBRUNNER_OWN_SESSION=off: a timeout still kills a command with all its descendants", async () => {
  using folder = temporaryFolder();
  const pids = `${folder.path}/pids`;
  Deno.mkdirSync(pids);
  try {
    await using program = await startNamed(
      `[commands.family]\ncmd = ${tomlString(fixture("stay_with_family.sh"))}\n`,
      {
        env: {
          JOBRUNNER_OWN_SESSION: "off",
          JOBRUNNER_JOB_TIMEOUT_SEC: "1",
          JOBRUNNER_KILL_GRACE_SEC: "0.3",
          PIDS: pids,
        },
      },
    );
    const { json } = await post(program.url, "x", { command: "family" });
    assert.equal(json["ending"], "timed_out");
    assert.notDeepEqual([...Deno.readDirSync(pids)], []);
    assert.deepEqual(aliveIn(pids), []);
    assert.equal(await program.stop(), 0);
  } finally {
    killAllIn(pids);
  }
});

/** A machine on which no launcher can run: options for the program, in a folder of its own. */
function withoutLauncher(folder: string, env: Readonly<Record<string, string>> = {}) {
  const closed = `${folder}/closed`;
  Deno.mkdirSync(closed);
  return {
    through: withoutProgramsIn(closed),
    env: { JOBRUNNER_SPOOL_DIR: closed, TMPDIR: closed, ...env },
  };
}

for (const sandbox of ["on", "off"]) {
  Deno.test(`without a launcher, commands start directly in their folders, with their variables; sandbox ${sandbox}`, async () => {
    using folder = temporaryFolder();
    Deno.mkdirSync(`${folder.path}/1`);
    const place = `${folder.path}/{worker_id}`;
    await using program = await startNamed(
      `[commands.placed]\n${shellCmd}\nnum_workers = 1\nworking_directory = ${
        tomlString(place)
      }\ninherit_env = "none"\nenv = { OWN = "own" }\n
      [commands.args]\ncmd = ${tomlString(`${fixture("print_arguments.sh")} 'a b'`)}\n`,
      withoutLauncher(folder.path, { JOBRUNNER_SANDBOX: sandbox, OTHER: "other" }),
    );
    await program.line("no launcher can run: ");
    const run = () => post(program.url, "pwd; echo $OWN$OTHER; " + session, { command: "placed" });
    const [where, variables, last] = (await run()).output.trim().split("\n");
    assert.deepEqual([where, variables], [`${folder.path}/1`, "own"]);
    assert.equal(last?.split(" ")[1], sessionOf(program.pid));
    assert.match((await post(program.url, "x", { command: "args" })).output, /a b/);
    Deno.removeSync(`${folder.path}/1`);
    const { json, error } = await run();
    assert.deepEqual([json["ending"], json["exit_status"]], ["not_started", 126]);
    assert.ok(error.includes(`${folder.path}/1`), error);
    assert.equal(await program.stop(), 0);
  });
}

for (
  const [key, line] of [
    ["umask", "umask = 0o027"],
    ["nice", "nice = 1"],
    ["limit_open_files", "limit_open_files = 100"],
  ] as const
) {
  Deno.test(`without a launcher, a command with ${key} prevents the start, and is named`, async () => {
    using folder = temporaryFolder();
    const toml = `[commands.free]\n${shellCmd}\n[commands.bound]\n${shellCmd}\n${line}\n`;
    const { code, stderr } = await runNamed(toml, withoutLauncher(folder.path));
    assert.equal(code, 1);
    assert.match(
      stderr,
      /no launcher can run: .*; commands\.bound: umask, nice and limit_\* need a launcher/,
    );
    assert.doesNotMatch(stderr, /commands\.free/);
  });
}
