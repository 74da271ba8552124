/**
 * A service that has been taken over and launchers: it can neither make nor change one, and frees none that is needed.
 */

import assert from "node:assert/strict";
import { fileExists } from "../support/folder.ts";
import { fixture, runProgram } from "../support/program.ts";
import {
  commandTable,
  held,
  isReloaded,
  launchersIn,
  type Reloads,
  showToken,
  withFile,
} from "../support/reload.ts";
import { spoolIn } from "../support/spool.ts";

const faulty = { script: fixture("faulty_program.ts") };

/** Triggers a bug of `faulty_service.ts` by a file of its name. */
function bringAbout(bug: string, { spool }: Reloads): void {
  Deno.writeTextFileSync(`${spoolIn(spool)}/${bug}`, "");
}

const wrong: readonly (readonly [bug: string, reason: RegExp])[] = [
  ["evicts", /free_launcher: the path must be that of a launcher"$/],
  ["pathless", /free_launcher: the path must be that of a launcher"$/],
  ["evades", /free_launcher: the path must be that of a launcher"$/],
  // Which limit a flood reaches first depends on the machine.
  ["empties", /at most 20000 messages|sent only when it is expected|no longer responds/],
];

for (const [bug, reason] of wrong) {
  Deno.test(`a wrong free_launcher (${bug}) terminates the service, and nothing is left`, async () => {
    await withFile(commandTable("a", "a"), async (reloads) => {
      bringAbout(bug, reloads);
      assert.match(await reloads.program.line("the service died"), reason);
      assert.equal(await reloads.program.exit, 1);
    }, { ...faulty, exitCode: 1 });
  });
}

Deno.test("a service that frees launchers that are in use does no harm: the configuration's stay, reloads work", async () => {
  await withFile(commandTable("a", "1"), async (reloads) => {
    const { folder, spool, reload, run } = reloads;
    const [first = ""] = launchersIn(spool);
    bringAbout("frees", reloads);
    await fileExists(`${spoolIn(spool)}/done-frees`);
    assert.deepEqual(launchersIn(spool), [first]);
    assert.equal((await run("a", showToken)).output, "1 1\n");
    // Now only a job needs the first one, which runs already.
    const running = held(folder, "running");
    const answer = run("a", running.script);
    await fileExists(running.started);
    assert.ok(isReloaded(await reload(commandTable("a", "2"))));
    running.release();
    assert.equal((await answer).output, "1 1\n");
    assert.equal((await run("a", showToken)).output, "2 2\n");
    assert.ok(isReloaded(await reload(commandTable("a", "3"))));
    assert.equal((await run("a", showToken)).output, "3 3\n");
  }, faulty);
});

Deno.test("a service can neither write nor read nor replace a launcher, nor one of a later configuration", async () => {
  await withFile(commandTable("a", "1"), async (reloads) => {
    const { spool, reload, run } = reloads;
    bringAbout("forges", reloads);
    const done = `${spoolIn(spool)}/done-forges`;
    await fileExists(done);
    assert.equal(Deno.readTextFileSync(done), "NotCapable");
    assert.ok(isReloaded(await reload(commandTable("a", "2"))));
    assert.equal((await run("a", showToken)).output, "2 2\n");
  }, faulty);
});

Deno.test("serve --check shows that the service cannot write a launcher", async () => {
  await withFile(commandTable("a", "a"), async ({ file, folder }) => {
    const { stdout, code } = await runProgram({
      args: ["serve", "--check"],
      env: { JOBRUNNER_CONFIG_FILE: file, JOBRUNNER_SPOOL_DIR: folder },
    });
    assert.match(stdout, /^probe: writing a launcher: refused$/m);
    assert.equal(code, 0);
  });
});
