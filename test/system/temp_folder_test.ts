/**
 * A temp folder that others can write to: the program reads, executes and waits for nothing with a predictable name in it,
 * and leaves nothing there.
 */

import assert from "node:assert/strict";
import { basename } from "node:path";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture, runProgram, startProgram } from "../support/program.ts";

/** A compiled program is known by the name of its file. */
const name = basename(Deno.env.get("JOBRUNNER_TEST_BINARY") ?? "jobrunner");

/** What the runtime of a binary would read its code from, and write it to. */
const planted = `deno-compile-${name}.cache`;

/** A temp folder in which that is a FIFO: opening it would wait for a writer forever. */
async function hostileFolder() {
  const folder = temporaryFolder();
  const { success } = await new Deno.Command("mkfifo", { args: [`${folder.path}/${planted}`] })
    .output();
  assert.ok(success);
  return folder;
}

function assertUntouched(folder: string): void {
  assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), [planted]);
  assert.ok(Deno.lstatSync(`${folder}/${planted}`).isFifo);
}

Deno.test("subcommands neither open nor leave a file with a predictable name in the temp folder", async () => {
  using folder = await hostileFolder();
  const env = { TMPDIR: folder.path };
  for (
    const args of [["--version"], ["--help"], ["send", "--help"], ["wait-file", "0", ".", "x"]]
  ) {
    // Not a clock to wait for: without it a FIFO that is waited for would hang the whole run.
    const { code, stderr } = await runProgram({ args, env, signal: AbortSignal.timeout(60_000) });
    assert.equal(code, args[0] === "wait-file" ? 1 : 0, `${args}: ${stderr}`);
    assertUntouched(folder.path);
  }
});

Deno.test("serve neither opens nor leaves a file with a predictable name in the temp folder", async () => {
  using folder = await hostileFolder();
  const env = { TMPDIR: folder.path, JOBRUNNER_CMD: fixture("run_payload.sh") };
  await using program = await startProgram({ env, signal: AbortSignal.timeout(60_000) });
  assert.equal((await post(program.url, "echo ran")).output, "ran\n");
  assert.equal(await program.stop(), 0);
  assertUntouched(folder.path);
});
