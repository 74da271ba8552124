/**
 * When a reload is asked for: at the start, during a stop, twice at once, under nohup; and what systemd sees of it.
 */

import assert from "node:assert/strict";
import { post, statusOf } from "../support/client.ts";
import { fileExists } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture } from "../support/program.ts";
import { commandTable, held, isReloaded, showToken, withFile } from "../support/reload.ts";

const a = (token: string) => commandTable("a", token);

function count(lines: readonly string[], text: string): number {
  return lines.filter((line) => line.includes(text)).length;
}

Deno.test("SIGHUP reloads with a configuration file, also if it was ignored at the start", async () => {
  const through = ["sh", "-c", 'trap "" HUP; exec "$0" "$@"'];
  await withFile(a("1"), async ({ program, reload, run }) => {
    assert.match(
      (await reload(a("2"))).at(-1) ?? "",
      /configuration reloaded cause=SIGHUP com.*=1/,
    );
    assert.equal((await run("a", showToken)).output, "2 2\n");
    assert.equal(count(program.log, "signal ignored"), 0);
  }, { through });
});

Deno.test("a SIGHUP during the start is followed by a reload", async () => {
  // It is sent as soon as the server has a folder: then it listens for signals, and its service is not started yet.
  const script =
    '(until [ -n "$(ls "$JOBRUNNER_SPOOL_DIR")" ]; do :; done; kill -HUP $$) & exec "$0" "$@"';
  await withFile(a("1"), async ({ program, run }) => {
    await program.line("configuration reloaded cause=SIGHUP");
    assert.equal((await run("a", showToken)).output, "1 1\n");
    assert.ok(
      program.log.findIndex((line) => line.includes("listening on")) <
        program.log.findIndex((line) => line.includes("configuration reloaded")),
    );
  }, { through: ["sh", "-c", script] });
});

Deno.test("SIGHUP during a drain changes nothing, and the drain ends as usual", async () => {
  await withFile(a("1"), async ({ url, program, folder, write, run }) => {
    const running = held(folder, "running");
    const answer = run("a", running.script);
    await fileExists(running.started);
    const stopped = program.stop();
    await eventually("it drains", async () => (await statusOf(url)).state === "draining");
    write("wrong");
    for (let times = 0; times < 3; times++) {
      Deno.kill(program.pid, "SIGHUP");
      assert.equal((await statusOf(url)).state, "draining");
    }
    running.release();
    assert.equal((await answer).output, "1 1\n");
    assert.equal(await stopped, 0);
    assert.equal(count(program.log, "configuration"), 0, program.log.join("\n"));
  });
});

Deno.test("a configuration file that changes during a drain is not read", async () => {
  await withFile(`config_watch_sec = 0.02\n${a("1")}`, async ({ program, folder, write, run }) => {
    const running = held(folder, "running");
    const answer = run("a", `${running.script}; sleep 0.5`);
    await fileExists(running.started);
    const stopped = program.stop();
    await program.line("stopping");
    write("wrong");
    running.release();
    assert.equal((await answer).output, "1 1\n");
    assert.equal(await stopped, 0);
    assert.equal(count(program.log, "configuration"), 0, program.log.join("\n"));
  });
});

Deno.test("many SIGHUPs at once: the last file is in effect after the last reload, and no reload fails", async () => {
  await withFile(a("0"), async ({ program, write, run }) => {
    for (let token = 1; token <= 20; token++) {
      write(a(String(token)));
      Deno.kill(program.pid, "SIGHUP");
      Deno.kill(program.pid, "SIGHUP");
    }
    await eventually("the last one is in effect", async () => {
      return (await run("a", showToken)).output === "20 20\n";
    });
    assert.equal(count(program.log, "configuration not reloaded"), 0);
    assert.ok(count(program.log, "configuration reloaded") <= 40);
  });
});

for (const head of ['sandbox = "off"\n', 'own_session = "off"\n', "umask"]) {
  Deno.test(`a reload works with ${head.trim()}`, async () => {
    const more = head === "umask" ? ["umask = 0o077"] : [];
    const top = head === "umask" ? "" : head;
    const file = (token: string) => top + commandTable("a", token, ...more);
    await withFile(file("1"), async ({ folder, reload, run }) => {
      const running = held(folder, "running");
      const answer = run("a", running.script);
      await fileExists(running.started);
      assert.ok(isReloaded(await reload(file("2"))));
      assert.equal((await run("a", showToken)).output, "2 2\n");
      running.release();
      assert.equal((await answer).output, "1 1\n");
    });
  });
}

Deno.test("own_session can be turned off and on by a reload", async () => {
  const session = "cut -d ' ' -f 6 /proc/$$/stat; echo $$";
  const file = (ownSession: string) => `own_session = "${ownSession}"\n${a("1")}`;
  const isOwn = (output: string) => output.split("\n")[0] === output.split("\n")[1];
  await withFile(file("on"), async ({ reload, run }) => {
    for (const ownSession of ["on", "off", "on"]) {
      assert.ok(isReloaded(await reload(file(ownSession))));
      assert.equal(isOwn((await run("a", session)).output), ownSession === "on");
    }
  });
});

Deno.test("without a configuration file SIGHUP reads nothing", async () => {
  const env = { JOBRUNNER_CONFIG_FILE: "", JOBRUNNER_CMD: `${fixture("run_payload.sh")} only` };
  await withFile("wrong", async ({ url, program }) => {
    Deno.kill(program.pid, "SIGHUP");
    await program.line("signal ignored signal=SIGHUP");
    assert.equal((await post(url, 'echo "$1"')).output, "only\n");
    assert.equal(count(program.log, "configuration"), 0);
  }, { env });
});
