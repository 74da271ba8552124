/**
 * What needs root: a disk that is full, and being process 1.
 */

import assert from "node:assert/strict";
import { parsePsLine } from "../../src/supervisor/process_table.ts";
import { get, post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { childrenOf } from "../support/processes.ts";
import { fixture, projectRoot, startCommand, startProgram } from "../support/program.ts";

async function run(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("a full disk is a 500 for that one request, leaves nothing half-written, and the worker lives on", async () => {
  using folder = temporaryFolder();
  await run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder.path);
  try {
    await using program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_SPOOL_DIR: folder.path,
        JOBRUNNER_NUM_WORKERS: "1",
      },
    });
    const { status, text } = await post(program.url, `exit 0 #${"x".repeat(400_000)}`);
    assert.equal(status, 500);
    assert.match(text, /could not write the job's files/);
    assert.match(await program.line("job could not be run"), /No space left on device/);
    const [{ name }] = [...Deno.readDirSync(folder.path)] as [Deno.DirEntry];
    assert.deepEqual([...Deno.readDirSync(`${folder.path}/${name}`)].map((entry) => entry.name), [
      "lock",
    ]);
    assert.equal((await post(program.url, "echo well again")).output, "well again\n");
    const full = await post(program.url, 'head -c 400000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"');
    assert.deepEqual(
      [full.status, full.json["exit_status"]],
      [200, 1],
      "the command's own trouble is its own",
    );
    assert.equal(await program.stop(), 0);
  } finally {
    await run("umount", folder.path);
  }
});

Deno.test("as process 1 it warns and names the remedy; under an init it does not", async () => {
  const args = ["--pid", "--fork", "--mount-proc", "--kill-child"];
  const program = [Deno.execPath(), "run", "-A", "--cached-only", `${projectRoot}main.ts`];
  const env = {
    JOBRUNNER_CMD: "true",
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_LOG_FORMAT: "text",
  };
  for (const [init, warns] of [[[], true], [["tini", "--"], false]] as const) {
    await using server = await startCommand("unshare", {
      args: [...args, ...init, ...program],
      env,
    });
    assert.equal(
      server.log.some((line) => line.includes("running as process 1") && line.includes("tini")),
      warns,
    );
    assert.equal((await get(`${server.url}/livez`)).status, 200);
    // unshare keeps signals to itself: its child is asked to stop.
    const [child = 0] = childrenOf(server.pid);
    Deno.kill(child, "SIGTERM");
    assert.equal(await server.exit, 0);
  }
});

Deno.test("this machine's own ps gives such lines", async () => {
  const { stdout } = await new Deno.Command("ps", { args: ["-axo", "pid=,ppid=,stat=,lstart="] })
    .output();
  const processes = new TextDecoder().decode(stdout).split("\n").flatMap((line) =>
    parsePsLine(line) ?? []
  );
  assert.ok(processes.some(({ pid }) => pid === Deno.pid));
});
