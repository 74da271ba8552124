/**
 * What needs root: a full disk, file systems that let no program run, and being process 1.
 */

import assert from "node:assert/strict";
import { createStoredCaptures } from "../../src/exec/stored_capture.ts";
import { parsePsLine } from "../../src/machine/process_table.ts";
import { DiskFullError, openInbox } from "../../src/spool/inbox.ts";
import { makeFolder } from "../../src/spool/own_folder.ts";
import { openSpool } from "../../src/spool/spool.ts";
import { createOutputFile } from "../../src/spool/stored.ts";
import { get, post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { childrenOf } from "../support/processes.ts";
import {
  fixture,
  projectRoot,
  runProgram,
  startCommand,
  startProgram,
} from "../support/program.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

async function run(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("a full disk is a 500 for that one request, leaves no partial file, and the worker keeps running", async () => {
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
    assert.deepEqual(filesIn(spoolIn(folder.path)), []);
    assert.equal((await post(program.url, "echo well again")).output, "well again\n");
    const full = await post(program.url, 'head -c 400000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"');
    assert.deepEqual(
      [full.status, full.json["exit_status"]],
      [200, 1],
      "the command's own failure is its result",
    );
    assert.equal(await program.stop(), 0);
  } finally {
    await run("umount", folder.path);
  }
});

Deno.test("a full disk refuses a body in a file, and truncates an output in a file", async () => {
  using folder = temporaryFolder();
  await run("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder.path);
  try {
    const path = `${folder.path}/spool`;
    makeFolder(path);
    const spool = openSpool(path, () => assert.fail("it is sound"));
    for (const size of [200_000, 2_000_000]) {
      const inbox = await openInbox(spool, "");
      const body = await inbox.openBody(size);
      await assert.rejects(
        async () => {
          await body.write(new Uint8Array(size));
          await body.end();
        },
        DiskFullError,
      );
      await inbox.discard();
      assert.deepEqual(filesIn(path), []);
    }
    const captures = createStoredCaptures({
      limit: Infinity,
      disk: undefined,
      createFile: () => createOutputFile(spool),
      onKept() {},
    });
    for (let piece = 0; piece < 5; piece++) {
      await captures.onEvent({ kind: "stdout", bytes: new Uint8Array(65_536).fill(7) });
    }
    const { file, truncated } = captures.output();
    assert.ok(truncated && file && file.length >= 65_536 && file.length <= 128 * 1024);
    const end = new Uint8Array(10);
    assert.equal(await file.read(file.length - 10, end), 10);
    assert.deepEqual(end, new Uint8Array(10).fill(7));
    file.close();
    await (await openInbox(spool, "")).complete("x".repeat(100_000));
  } finally {
    await run("umount", folder.path);
  }
});

/** Mounts file systems that let no program run, for one test. */
async function withoutPrograms(folders: readonly string[], act: () => Promise<void>) {
  const mounted: string[] = [];
  try {
    for (const folder of folders) {
      await run("mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", folder);
      mounted.push(folder);
    }
    await act();
    for (const folder of mounted) {
      assert.deepEqual([...Deno.readDirSync(folder)], [], "nothing is left");
    }
  } finally {
    for (const folder of mounted) await run("umount", folder);
  }
}

function foldersIn(parent: string, names: readonly string[]): string[] {
  const paths = names.map((name) => `${parent}/${name}`);
  for (const path of paths) Deno.mkdirSync(path);
  return paths;
}

const session = "set -- $(cat /proc/$$/stat); [ $$ = $6 ] && echo its own || echo the server\\'s";

for (const place of ["the temp folder", "the folder for state"]) {
  Deno.test(`the launcher lies in ${place} if no program may run in the spool`, async () => {
    using own = temporaryFolder();
    const [spool = "", temp = "", state = ""] = foldersIn(own.path, ["spool", "temp", "state"]);
    const closed = place === "the temp folder" ? [spool] : [spool, temp];
    await withoutPrograms(closed, async () => {
      await using program = await startProgram({
        env: {
          JOBRUNNER_CMD: fixture("run_payload.sh"),
          JOBRUNNER_SPOOL_DIR: spool,
          TMPDIR: temp,
          STATE_DIRECTORY: state,
        },
      });
      assert.equal((await post(program.url, session)).output, "its own\n");
      const { output } = await post(program.url, "echo $JOBRUNNER_JOB_DIR");
      assert.ok(output.startsWith(`${spool}/`));
      assert.equal(await program.stop(), 0);
      assert.ok(!program.log.some((line) => line.includes("no launcher")));
    });
    for (const folder of [temp, state]) assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
}

Deno.test("without a folder for the launcher, commands share the server's session, and LD_* prevents the start", async () => {
  using own = temporaryFolder();
  const [spool = "", temp = ""] = foldersIn(own.path, ["spool", "temp"]);
  await withoutPrograms([spool, temp], async () => {
    const env = {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_SPOOL_DIR: spool,
      TMPDIR: temp,
    };
    await using program = await startProgram({ env });
    const warning = await program.line("no launcher can run: ");
    assert.ok(warning.includes(`${spool}: `) && warning.includes(`${temp}: `), warning);
    assert.match(warning, /permission denied/i);
    assert.equal((await post(program.url, session)).output, "the server's\n");
    assert.equal(await program.stop(), 0);

    const checked = await runProgram({ env, args: ["serve", "--check"] });
    assert.equal(checked.code, 0, checked.stdout);
    assert.match(checked.stdout, /^session: the server's$/m);
    assert.match(checked.stdout, /^warning: no launcher can run: /m);
    assert.match(checked.stdout, /^probe: choosing the command's PATH: allowed$/m);

    const refused = await runProgram({ env: { ...env, LD_BIND_NOW: "1" } });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /no launcher can run: .*; LD_BIND_NOW: must be unset/);
  });
});

Deno.test("serve as process 1 logs a warning that names tini; under an init it does not", async () => {
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
    // unshare does not pass on signals, so its child gets the signal.
    const [child = 0] = childrenOf(server.pid);
    Deno.kill(child, "SIGTERM");
    assert.equal(await server.exit, 0);
  }
});

Deno.test("parsePsLine() reads the lines of this machine's ps", async () => {
  const { stdout } = await new Deno.Command("ps", { args: ["-axo", "pid=,ppid=,stat=,lstart="] })
    .output();
  const processes = new TextDecoder().decode(stdout).split("\n").flatMap((line) =>
    parsePsLine(line) ?? []
  );
  assert.ok(processes.some(({ pid }) => pid === Deno.pid));
});
