import assert from "node:assert/strict";
import { type Launcher, LauncherError, startCommand } from "../../src/exec/start.ts";
import { startOf } from "../support/cold_start.ts";
import { temporaryFolder } from "../support/folder.ts";

/** What a command writes that is started like this, by worker 7. */
async function said(settings: ReturnType<typeof startOf>, env: Record<string, string> = {}) {
  const child = await startCommand(settings, env, 7);
  const { stdout } = await child.output();
  return new TextDecoder().decode(stdout);
}

/** In place of a launcher: a script that says where it is. */
function launcherIn(folder: string, holdsAll: boolean): Launcher {
  const path = `${folder}/launcher`;
  Deno.writeTextFileSync(path, "#!/bin/sh\npwd\n", { mode: 0o700 });
  return { path, word: "word", holdsAll };
}

Deno.test("startCommand() starts a command in its working directory, with the worker's number in it", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/7/w7`, { recursive: true });
  const workingDirectory = `${folder.path}/{worker_id}/w{worker_id}`;
  assert.equal(
    await said(startOf(["/bin/sh", "-c", "pwd"], { workingDirectory })),
    `${folder.path}/7/w7\n`,
  );
  assert.equal(await said(startOf(["/bin/sh", "-c", "pwd"])), `${Deno.cwd()}\n`);
});

Deno.test("startCommand() leaves the working directory to a launcher that holds it, and gives it to another", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/7`);
  const workingDirectory = `${folder.path}/{worker_id}`;
  const from = (holdsAll: boolean) =>
    said(startOf(["/bin/date"], {
      workingDirectory,
      launcher: launcherIn(folder.path, holdsAll),
    }));
  assert.equal(await from(true), `${Deno.cwd()}\n`);
  assert.equal(await from(false), `${folder.path}/7\n`);
});

Deno.test("startCommand() rejects for a missing working directory and repairs nothing, with or without a launcher", async () => {
  using folder = temporaryFolder();
  const workingDirectory = `${folder.path}/{worker_id}`;
  for (const launcher of [undefined, launcherIn(folder.path, false)]) {
    const settings = startOf(["/bin/date"], { workingDirectory, launcher });
    await assert.rejects(async () => await startCommand(settings, {}, 7), (error) => {
      assert.ok(error instanceof Deno.errors.NotFound);
      assert.ok(error.message.includes(`${folder.path}/7`), error.message);
      return true;
    });
  }
});

Deno.test("startCommand() has a missing launcher repaired, and rejects with a LauncherError if that does not help", async () => {
  using folder = temporaryFolder();
  const launcher = launcherIn(folder.path, true);
  Deno.removeSync(launcher.path);
  const repair = () => Promise.resolve(void launcherIn(folder.path, true));
  assert.equal(
    await said(startOf(["/bin/date"], { launcher, repair })),
    `${Deno.cwd()}\n`,
  );
  Deno.removeSync(launcher.path);
  let repaired = 0;
  const inVain = () => Promise.resolve(void repaired++);
  await assert.rejects(
    async () => await startCommand(startOf(["/bin/date"], { launcher, repair: inVain }), {}, 1),
    LauncherError,
  );
  assert.ok(repaired > 0);
});
