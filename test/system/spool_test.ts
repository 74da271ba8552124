import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture, startProgram } from "../support/program.ts";

const names = (folder: string) =>
  [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((name) =>
    name.startsWith("jobrunner-")
  );

function start(parent: string, env: Record<string, string> = {}) {
  return startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_SPOOL_DIR: parent, ...env },
  });
}

Deno.test("the spool is ours alone and gone after a clean stop", async () => {
  using folder = temporaryFolder();
  await using program = await start(folder.path);
  const [spool = ""] = names(folder.path);
  assert.equal((Deno.statSync(`${folder.path}/${spool}`).mode ?? 0) & 0o777, 0o700);
  assert.equal(await program.stop(), 0);
  assert.deepEqual(names(folder.path), []);
});

Deno.test("a server clears what a dead one left and does not touch a living one's job", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  const held = { JOBRUNNER_CMD: fixture("hold_until_released.sh"), HOLD_RELEASE: release };
  const dead = await start(folder.path);
  await dead.stop("SIGKILL");
  const [left = ""] = names(folder.path);
  Deno.writeTextFileSync(`${folder.path}/${left}/jobdata_w_1_id_x_req_0`, "a payload");

  await using living = await start(folder.path, held);
  await living.line("cleared what a dead server left");
  assert.ok(!names(folder.path).includes(left));
  const running = post(living.url, "x", { id: "living" });
  await fileExists(`${folder.path}/started_living`);
  const before = names(folder.path);

  await using other = await start(folder.path);
  assert.equal(names(folder.path).length, 2);
  assert.equal(await other.stop(), 0);
  assert.deepEqual(names(folder.path), before);
  Deno.writeTextFileSync(release, "");
  assert.equal((await running).output, "released\n");
});

Deno.test("a spool that a temp cleaner removed is made again", async () => {
  using folder = temporaryFolder();
  await using program = await start(folder.path);
  const [spool = ""] = names(folder.path);
  Deno.removeSync(`${folder.path}/${spool}`, { recursive: true });
  assert.equal((await post(program.url, "echo still here")).output, "still here\n");
  await using other = await start(folder.path);
  assert.equal((await post(program.url, "echo and held")).output, "and held\n");
  assert.equal(await other.stop(), 0);
  assert.equal(await program.stop(), 0);
  assert.deepEqual(names(folder.path), []);
});

Deno.test("a spool parent reached through a link works inside the sandbox", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/real`);
  Deno.symlinkSync(`${folder.path}/real`, `${folder.path}/link`);
  await using program = await start(`${folder.path}/link`);
  assert.equal((await post(program.url, 'echo x >"$JOBRUNNER_RESPONSE_DATA_FN"')).data, "x\n");
  assert.equal(names(`${folder.path}/real`).length, 1);
});
