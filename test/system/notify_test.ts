/**
 * Notifications to systemd, received on a socket of the test's own.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture, startProgram } from "../support/program.ts";
import { commandTable, withFile } from "../support/reload.ts";
import { spoolIn } from "../support/spool.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_KILL_GRACE_SEC: "2" };

interface Manager extends Disposable {
  readonly path: string;
  /** The next message that holds the text. */
  heard(text: string): Promise<string>;
}

/** Listens where a service manager would. */
function listenAsManager(folder: string): Manager {
  const path = `${folder}/notify`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  let closed = false;
  const close = () => {
    if (!closed) socket.close();
    closed = true;
  };
  return {
    path,
    async heard(text) {
      // Not a clock to wait for: without it a message that never comes would hang the whole run.
      const guard = setTimeout(close, 60_000);
      try {
        for (;;) {
          const [bytes] = await socket.receive();
          const message = new TextDecoder().decode(bytes);
          if (message.includes(text)) return message;
        }
      } finally {
        clearTimeout(guard);
      }
    },
    [Symbol.dispose]: close,
  };
}

Deno.test("NOTIFY_SOCKET receives that the service is ready, is alive and stops", async () => {
  using folder = temporaryFolder();
  using manager = listenAsManager(folder.path);
  await using program = await startProgram({
    env: {
      ...shell,
      NOTIFY_SOCKET: manager.path,
      WATCHDOG_USEC: "100000",
      JOBRUNNER_DRAIN_TIMEOUT_SEC: "7",
    },
  });
  assert.equal(await manager.heard("READY=1"), `READY=1\nSTATUS=listening on ${program.url}`);
  for (let beat = 0; beat < 3; beat++) assert.equal(await manager.heard("WATCHDOG"), "WATCHDOG=1");
  const { output } = await post(program.url, "echo ${NOTIFY_SOCKET:-none} ${WATCHDOG_USEC:-none}");
  assert.equal(output, "none none\n");
  const stopped = program.stop();
  assert.equal(
    await manager.heard("STOPPING"),
    "STOPPING=1\nSTATUS=finishing waiting and running jobs\nEXTEND_TIMEOUT_USEC=19000000",
  );
  assert.equal(await stopped, 0);
});

Deno.test("NOTIFY_SOCKET receives that a reload begins, and how it ended, whether it was successful or not", async () => {
  using folder = temporaryFolder();
  using manager = listenAsManager(folder.path);
  await withFile(commandTable("a", "1"), async ({ program, write }) => {
    assert.match(await manager.heard(""), /^READY=1\nSTATUS=listening on /);
    for (
      const [toml, status] of [
        [commandTable("a", "2"), "configuration reloaded"],
        ["wrong", "the configuration has errors: see the log"],
        [commandTable("a", "3"), "configuration reloaded"],
      ] as const
    ) {
      write(toml);
      Deno.kill(program.pid, "SIGHUP");
      assert.match(await manager.heard(""), /^RELOADING=1(\n|$)/);
      assert.equal(await manager.heard(""), `READY=1\nSTATUS=${status}`);
    }
  }, { env: { NOTIFY_SOCKET: manager.path } });
});

Deno.test("NOTIFY_SOCKET receives no keep-alive while the service hangs", async () => {
  using folder = temporaryFolder();
  using manager = listenAsManager(folder.path);
  await using program = await startProgram({
    script: fixture("faulty_program.ts"),
    env: {
      ...shell,
      JOBRUNNER_SPOOL_DIR: folder.path,
      NOTIFY_SOCKET: manager.path,
      WATCHDOG_USEC: "60000000",
    },
  });
  await manager.heard("WATCHDOG=1");
  let beats = 0;
  const listening = (async () => {
    for (;; beats++) await manager.heard("WATCHDOG");
  })().catch(() => {});
  // The job must be there long enough to be noticed.
  const hanging = post(program.url, "exec sleep 1000", { id: "hangs" }).catch(() => {});
  await fileExists(`${spoolIn(folder.path)}/hanging`);
  const before = beats;
  await program.line("hangs");
  // The service was asked ten times since; one answer may have been on its way.
  assert.ok(beats <= before + 1, `${beats - before} keep-alives`);
  assert.equal(await program.exit, 1);
  manager[Symbol.dispose]();
  await Promise.all([listening, hanging]);
});

Deno.test("WATCHDOG_PID of another process means no keep-alive", async () => {
  using folder = temporaryFolder();
  using manager = listenAsManager(folder.path);
  await using program = await startProgram({
    env: { ...shell, NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "10000", WATCHDOG_PID: "1" },
  });
  await post(program.url, "exit 0");
  const stopped = program.stop();
  assert.match(await manager.heard(""), /^READY=1/);
  assert.match(await manager.heard(""), /^STOPPING=1/);
  assert.equal(await stopped, 0);
});

Deno.test("NOTIFY_SOCKET that cannot be reached causes one warning, and the service serves", async () => {
  for (const path of ["/nowhere/notify", "@abstract"]) {
    await using program = await startProgram({
      env: { ...shell, NOTIFY_SOCKET: path, WATCHDOG_USEC: "100000" },
    });
    assert.equal((await post(program.url, "echo well")).output, "well\n");
    assert.equal(await program.stop(), 0);
    const warnings = program.log.filter((line) => line.includes("systemd could not be notified"));
    assert.equal(warnings.length, 1, program.log.join("\n"));
  }
});
