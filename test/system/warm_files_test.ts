/**
 * The folder and the files of a warm process, whatever its jobs do to them.
 */

import assert from "node:assert/strict";
import { fileExists } from "../support/folder.ts";
import { openFilesIn } from "../support/open_files.ts";
import { eventually, isAlive, pidIn } from "../support/processes.ts";
import { postRun } from "../support/run_client.ts";
import { onWarm, plain, strangeFiles, type Warm, warmCounts } from "../support/warm_program.ts";

const request = "job['JOBRUNNER_REQUEST_DATA_FN']";
const response = "job['JOBRUNNER_RESPONSE_DATA_FN']";

/** Runs jobs with payloads and responses of different lengths, each of which must have its own. */
async function expectFiles({ run }: Warm): Promise<void> {
  for (const data of ["", "longer", "x", "y".repeat(300_000), ""]) {
    const text = `respond(b"${data}"); print(len(payload))`;
    const answer = await run(text);
    assert.deepEqual([answer.output, answer.error], [`${text.length}\n`, ""]);
    assert.ok(answer.data === data, `${data.length}`);
  }
}

const damages = {
  "renames another file over its response file": {
    script: `
open(${response} + ".new", "w").write("renamed")
os.rename(${response} + ".new", ${response})`,
    data: "renamed",
  },
  "removes both of its files": {
    script: `os.remove(${request}); os.remove(${response})`,
    data: "",
  },
  "renames its request file over its response file": {
    script: `os.rename(${request}, ${response})`,
    data: undefined,
  },
  "makes its files read-only": {
    script: `
respond(b"data")
for path in ${request}, ${response}: os.chmod(path, 0o400)
os.chmod(job["JOBRUNNER_JOB_DIR"], 0o700)`,
    data: "data",
  },
  "makes a hard link to its response file": {
    script: `respond(b"data"); os.link(${response}, ${response} + ".link")`,
    data: "data",
  },
} as const;

for (const [what, { script, data }] of Object.entries(damages)) {
  Deno.test(`a job that ${what} has its answer, and later jobs have files of their own`, async () => {
    await onWarm({}, async (warm) => {
      await warm.idle();
      const answer = await warm.run(script);
      assert.deepEqual([answer.status, answer.json["exit_status"], answer.error], [200, 0, ""]);
      assert.equal(answer.data, data ?? script);
      await expectFiles(warm);
      assert.deepEqual(strangeFiles(warm.spool), []);
    });
  });
}

const strangers = {
  "a link to a file outside": `os.symlink("{folder}/outside", path)`,
  "a link to nothing": `os.symlink("{folder}/missing", path)`,
  "a FIFO": "os.mkfifo(path)",
  "a folder": "os.mkdir(path); open(path + '/file', 'w').close()",
} as const;

for (const [what, make] of Object.entries(strangers)) {
  Deno.test(`${what} in the place of both files is not read, not followed, and gone for the next job`, async () => {
    await onWarm({}, async (warm) => {
      const { folder, run, idle, spool } = warm;
      Deno.writeTextFileSync(`${folder}/outside`, "outside");
      await idle();
      const answer = await run(`
for path in ${request}, ${response}:
    os.remove(path)
    ${make.replace("{folder}", folder)}`);
      assert.deepEqual([answer.status, answer.error, answer.data], [200, "", ""]);
      await expectFiles(warm);
      assert.equal(Deno.readTextFileSync(`${folder}/outside`), "outside");
      assert.throws(() => Deno.lstatSync(`${folder}/missing`), Deno.errors.NotFound);
      assert.deepEqual(strangeFiles(spool), []);
    });
  });
}

Deno.test("files that a job leaves in its folder are gone for the next job of the process", async () => {
  await onWarm({}, async ({ run, idle, spool }) => {
    const pid = await idle();
    await run(`
folder = job["JOBRUNNER_JOB_DIR"]
os.makedirs(folder + "/deep/er")
for number in range(100): open(f"{folder}/deep/er/{number}", "w").write("left")
open(folder + "/.hidden", "w").write("left")
os.symlink("/etc", folder + "/link")`);
    const { output } = await run(`print(os.getpid(), len(os.listdir(job["JOBRUNNER_JOB_DIR"])))`);
    assert.equal(output, `${pid} 2\n`);
    assert.deepEqual(strangeFiles(spool), []);
  });
});

Deno.test("a job that puts a file in the place of its folder leaves no file open in the server", async () => {
  await onWarm({}, async ({ run, idle, spool, program }) => {
    await idle();
    await run(`
import shutil
folder = job["JOBRUNNER_JOB_DIR"]
shutil.rmtree(folder)
open(folder, "w").close()`);
    assert.equal((await run("print(1)")).output, "1\n");
    const removed = () =>
      openFilesIn(spool, program.pid).filter((path) => path.endsWith(" (deleted)"));
    assert.deepEqual(removed(), []);
    assert.deepEqual(strangeFiles(spool), []);
  });
});

Deno.test("a job that removes its folder costs the process, not the next job", async () => {
  await onWarm({}, async (warm) => {
    await warm.idle();
    const answer = await warm.run(`
import shutil
shutil.rmtree(job["JOBRUNNER_JOB_DIR"])
print("removed")`);
    assert.deepEqual([answer.output, answer.data], ["removed\n", ""]);
    await expectFiles(warm);
    assert.deepEqual(strangeFiles(warm.spool), []);
  });
});

const damagedWhileIdle = {
  "a folder that was removed": { damage: "shutil.rmtree(folder)", warm: undefined },
  "a request file that was removed": { damage: "os.remove(file)", warm: true },
} as const;

for (const [what, { damage, warm }] of Object.entries(damagedWhileIdle)) {
  Deno.test(`a job finds its payload although the idle process has ${what}, whatever way it came`, async () => {
    const SCRIPT = `
import shutil
def damage(path, folder, file):
    ${damage}
    open(path + ".done", "w").close()
if payload[:1] == b"/":
    path = payload.decode()
    given = path, job["JOBRUNNER_JOB_DIR"], job["JOBRUNNER_REQUEST_DATA_FN"]
    when(path, lambda: damage(*given))
print(len(payload))`;
    await onWarm({ SCRIPT }, async ({ url, folder, idle, run }) => {
      const small = new Uint8Array(10);
      const large = new Uint8Array(3_000_000);
      const form = new FormData();
      for (const name of ["a", "b"]) form.append(name, new Blob([large]), name);
      const ways = [
        [10, async () => (await postRun(url, small)).text],
        [3_000_000, async () => (await postRun(url, large)).text],
        [3_000_000, async () => (await postRun(url, form)).text],
        [10, async () => (await run("1234567890")).output],
      ] as const;
      for (const [index, [length, post]] of ways.entries()) {
        const gate = `${folder}/${index}`;
        await idle();
        await run(gate);
        await idle();
        Deno.writeTextFileSync(gate, "");
        await fileExists(`${gate}.done`);
        assert.equal(await post(), `${length}\n`);
      }
      const { jobs } = await warmCounts(url);
      assert.equal(jobs["cold"] ?? 0, warm ? 0 : ways.length);
    });
  });
}

Deno.test("a child that a job leaves behind with the pipes of its process lives as long as the process, and no longer", async () => {
  await onWarm({}, async ({ run, idle, folder }) => {
    const pid = await idle();
    const script = `
import subprocess
child = subprocess.Popen(["setsid", "sleep", "600"])
open("${folder}/child", "w").write(str(child.pid))`;
    assert.equal((await run(script)).json["exit_status"], 0);
    const child = pidIn(folder, "child");
    assert.equal((await run(plain)).output, `1 ${pid} test\n`);
    assert.ok(isAlive(child));
    assert.equal((await run("os.write(1, b'out'); os._exit(3)")).output, "out");
    await eventually("it is gone", () => !isAlive(child));
    assert.notEqual(await idle(), pid);
  });
});
