/**
 * The standard input of commands, and the variables of their requests.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startNamed } from "../support/named.ts";
import { aliveIn, eventually, killAllIn } from "../support/processes.ts";
import { fixture, runProgram, startProgram } from "../support/program.ts";

/** More than any pipe holds. */
const large = "0123456789".repeat(300_000);

/** Starts the program with a shell script as its command, whose standard input is the payload. */
function startFed(script: string, env: Readonly<Record<string, string>> = {}) {
  return startProgram({
    env: { JOBRUNNER_CMD: `/bin/sh -c '${script}'`, JOBRUNNER_STDIN: "payload", ...env },
  });
}

/** Number of pipes of which this process has one end only: those to commands, and its own standard streams. */
function pipesOf(pid: number): number {
  const links = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      return "";
    }
  });
  return links.filter((link) =>
    link.startsWith("pipe:") && links.filter((other) => other === link).length === 1
  ).length;
}

for (
  const [how, env] of [
    ["by its launcher", {}],
    ["by its launcher, sandbox off", { JOBRUNNER_SANDBOX: "off" }],
    ["directly", { JOBRUNNER_OWN_SESSION: "off" }],
  ] as const
) {
  Deno.test(`a command that is started ${how} reads the payload from standard input and from its file`, async () => {
    await using program = await startFed('cat; wc -c <"$JOBRUNNER_REQUEST_DATA_FN" >&2', env);
    const before = pipesOf(program.pid);
    for (const payload of ["x", "a\nb", large]) {
      const { json, output, error } = await post(program.url, payload);
      assert.equal(json["exit_status"], 0);
      assert.ok(output === payload, "standard output is the payload");
      assert.equal(error, `${payload.length}\n`);
    }
    await eventually("all pipes are closed", () => pipesOf(program.pid) <= before);
    assert.equal(await program.stop(), 0);
  });

  Deno.test(`a command that is started ${how} need not read all of the payload, or any of it`, async () => {
    for (const script of ["head -c 1", "printf 0", "exec <&-; printf 0"]) {
      await using program = await startFed(script, env);
      const before = pipesOf(program.pid);
      const answers = await Promise.all([1, 2, 3, 4].map(() => post(program.url, large)));
      for (const { json, output } of answers) {
        assert.deepEqual([json["ending"], json["exit_status"], output], ["exited", 0, "0"]);
      }
      await eventually("all pipes are closed", () => pipesOf(program.pid) <= before);
      assert.equal(await program.stop(), 0);
    }
  });
}

Deno.test("a command that does not read the payload times out as any other", async () => {
  await using program = await startFed("exec sleep 600", { JOBRUNNER_JOB_TIMEOUT_SEC: "0.2" });
  const before = pipesOf(program.pid);
  const { json } = await post(program.url, large);
  assert.deepEqual([json["ending"], json["exit_status"]], ["timed_out", 124]);
  await eventually("all pipes are closed", () => pipesOf(program.pid) <= before);
});

for (const [what, payload] of [["small", "x"], ["large", large]] as const) {
  Deno.test(`a background child that keeps a ${what} payload's pipe open does not delay the answer`, async () => {
    using folder = temporaryFolder();
    try {
      const script =
        'exec 3<&0; sleep 600 <&3 >/dev/null 2>&1 & echo $! >"$PIDS/$JOBRUNNER_REQUEST_ID"; echo out';
      await using program = await startFed(script, { PIDS: folder.path });
      const before = pipesOf(program.pid);
      const { json, output } = await post(program.url, payload, { id: "child" });
      assert.deepEqual([json["ending"], output], ["exited", "out\n"]);
      await eventually("all pipes are closed", () => pipesOf(program.pid) <= before);
      // All that fits into a pipe is written before the command ends: then nobody is in the way.
      assert.deepEqual(aliveIn(folder.path), what === "small" ? ["child"] : []);
      assert.equal(await program.stop(), 0);
    } finally {
      killAllIn(folder.path);
    }
  });
}

Deno.test('of two commands that run the same program, only the one with stdin = "payload" reads the payload', async () => {
  for (const env of [{}, { JOBRUNNER_OWN_SESSION: "off" }]) {
    await using program = await startNamed(
      '[commands.fed]\ncmd = "/bin/cat"\nstdin = "payload"\n[commands.empty]\ncmd = "/bin/cat"\n',
      { env },
    );
    const outputs = ["fed", "empty", "fed"].map(async (command) =>
      (await post(program.url, large, { command })).output
    );
    assert.ok((await Promise.all(outputs)).join("|") === `${large}||${large}`);
    assert.equal(await program.stop(), 0);
  }
});

Deno.test("serve --check shows the commands whose standard input is the payload", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/jobrunner.toml`;
  Deno.writeTextFileSync(
    file,
    '[commands.fed]\ncmd = "/bin/cat"\nstdin = "payload"\n[commands.empty]\ncmd = "/bin/cat"\n',
  );
  const { code, stdout } = await runProgram({
    args: ["serve", "--check"],
    env: { JOBRUNNER_CONFIG_FILE: file },
  });
  assert.equal(code, 0);
  assert.equal(stdout.split("  standard input: the payload\n").length, 2);
  assert.match(
    stdout,
    /with a standard input, JOBRUNNER_\*, TRACEPARENT and TRACESTATE of its choice/,
  );
});

Deno.test("the variables of a request are set, and empty, for a job of POST /payload, whatever the server inherits", async () => {
  const names = ["REQUEST_DIR", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "FILENAME"];
  const inherited = [...names, "HTTP_X_TENANT", "HTTP_X_OTHER"].map((name) => [
    `JOBRUNNER_${name}`,
    "outer",
  ]);
  await using program = await startProgram({
    env: {
      ...Object.fromEntries(inherited),
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_PASS_HEADERS: "x-tenant",
    },
  });
  const script = 'env | grep -E "^JOBRUNNER_(REQUEST_DIR|QUERY|CONTENT|FILENAME|HTTP_X)"';
  const headers = { "x-tenant": "t", "content-type": "application/json" };
  const { output } = await post(program.url, script, { headers });
  assert.deepEqual(
    output.trim().split("\n").sort(),
    [...names, "HTTP_X_TENANT"].map((name) => `JOBRUNNER_${name}=`).sort(),
  );
});
