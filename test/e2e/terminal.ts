/**
 * The program at a terminal: a pseudo-terminal that script(1) makes. There the runtime would ask the user to allow what the
 * service isolate may not do, and wait for an answer.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture, projectRoot } from "../support/program.ts";
import { commandTable, showToken } from "../support/reload.ts";
import { startRunServer } from "../support/run_server.ts";
import { TextLineStream } from "../support/lines.ts";

const binary = Deno.env.get("JOBRUNNER_TEST_BINARY");

/** Runs a subcommand at a terminal whose keyboard is the child's standard input. */
function atTerminal(
  words: string,
  env: Record<string, string>,
  place: "foreground" | "background" | "under a shell" = "foreground",
): Deno.ChildProcess {
  const program = binary === undefined
    ? `make --no-print-directory -C ${projectRoot} start ARGS='${words}'`
    : `${binary} serve ${words}`;
  const plain = program.replaceAll("'", "");
  const command = {
    foreground: `exec ${program}`,
    // A shell with job control puts what it starts with & into the background of its terminal; then the shell waits for a key.
    background: `exec bash -mc '${plain} & read -r _'`,
    // When a terminal closes, the kernel sends SIGHUP to the shell that leads the session; when that has gone, to the foreground.
    "under a shell": `exec bash -c '${plain}; true'`,
  }[place];
  return new Deno.Command("script", {
    args: ["--quiet", "--return", "--flush", "--command", command, "/dev/null"],
    env: { ...env, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    // Not a clock to wait for: without it a question would hang the whole run.
    signal: AbortSignal.timeout(60_000),
  }).spawn();
}

Deno.test("serve --check at a terminal asks no question and exits by itself", async () => {
  using folder = temporaryFolder();
  const child = atTerminal("--check", {
    JOBRUNNER_CMD: fixture("run_payload.sh"),
    JOBRUNNER_SPOOL_DIR: folder.path,
  });
  const { code, stdout } = await child.output();
  await child.stdin.close();
  const shown = new TextDecoder().decode(stdout);
  assert.doesNotMatch(shown, /Deno requests|Allow\?/);
  assert.match(shown, /^probe: reading \/etc\/passwd: refused\r?$/m);
  assert.equal(shown.match(/^probe: .*: refused\r?$/gm)?.length, 9, shown);
  assert.equal(code, 0, shown);
});

Deno.test("serve at a terminal runs a job without a question, and Ctrl-C stops it", async () => {
  const child = atTerminal("", {
    JOBRUNNER_CMD: fixture("run_payload.sh"),
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
  });
  const shown: string[] = [];
  const keyboard = child.stdin.getWriter();
  for await (
    const line of child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())
  ) {
    shown.push(line);
    const [, url] = /listening on (http:[^\s"]+)/.exec(line) ?? [];
    if (url === undefined) continue;
    const { output } = await post(url, "[ -t 0 ] || echo no terminal; echo ran");
    assert.equal(output, "no terminal\nran\n");
    await keyboard.write(new Uint8Array([3]));
  }
  await keyboard.close();
  const all = shown.join("\n");
  assert.match(all, / INFO stopped/);
  assert.doesNotMatch(all, /Deno requests|Allow\?/);
  // make is interrupted as well.
  assert.equal((await child.status).code, binary === undefined ? 130 : 0, all);
});

for (const ownSession of ["on", "off"]) {
  Deno.test(`JOBRUNNER_OWN_SESSION=${ownSession}: a command that reads the terminal does not suspend a background server`, async () => {
    const child = atTerminal("", {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_OWN_SESSION: ownSession,
      JOBRUNNER_JOB_TIMEOUT_SEC: "0.5",
      JOBRUNNER_KILL_GRACE_SEC: "0",
    }, "background");
    const keyboard = child.stdin.getWriter();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    const shown: string[] = [];
    for await (const line of lines) {
      shown.push(line);
      if (line.includes("INFO stopped")) await keyboard.write(new TextEncoder().encode("\n"));
      const [, url] = /listening on (http:[^\s"]+)/.exec(line) ?? [];
      if (url === undefined) continue;
      const { json } = await post(url, "head -c 1 /dev/tty");
      // It has no terminal, or the terminal suspends it until it times out.
      assert.equal(json["ending"], ownSession === "on" ? "exited" : "timed_out");
      assert.equal((await post(url, "echo well")).output, "well\n");
      await post(url, "kill -TERM $PPID");
    }
    await keyboard.close();
    await child.status;
    assert.match(shown.join("\n"), / INFO stopped/);
  });
}

Deno.test("serve stops when its terminal is closed, answers its jobs and leaves nothing", async () => {
  using folder = temporaryFolder();
  const child = atTerminal("", {
    JOBRUNNER_CMD: fixture("run_payload.sh"),
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_SPOOL_DIR: folder.path,
  }, "under a shell");
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const [, url] = /listening on (http:[^\s"]+)/.exec(line) ?? [];
    if (url === undefined) continue;
    const started = `${folder.path}/started`;
    const running = post(url, `: >${started}; sleep 0.3; echo answered`);
    await fileExists(started);
    // The terminal closes with the program that made it.
    child.kill("SIGKILL");
    assert.equal((await running).output, "answered\n");
    Deno.removeSync(started);
  }
  await child.stdin.close().catch(() => {});
  await child.status;
  await eventually("nothing is left", () => [...Deno.readDirSync(folder.path)].length === 0);
});

Deno.test("with a configuration file SIGHUP at an open terminal reloads; closing the terminal stops the server", async () => {
  using folder = temporaryFolder();
  using files = temporaryFolder();
  const file = `${files.path}/jobrunner.toml`;
  Deno.writeTextFileSync(file, commandTable("default", "1"));
  const child = atTerminal("", {
    JOBRUNNER_CONFIG_FILE: file,
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_SPOOL_DIR: folder.path,
  }, "under a shell");
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  let url = "";
  const shown: string[] = [];
  for await (const line of lines) {
    shown.push(line);
    const [, listening] = /listening on (http:[^\s"]+)/.exec(line) ?? [];
    if (listening !== undefined) {
      url = listening;
      const { output } = await post(url, 'echo "$1 $PPID"');
      const [token, pid] = output.split(" ");
      assert.equal(token, "1");
      Deno.writeTextFileSync(file, commandTable("default", "2"));
      Deno.kill(Number(pid), "SIGHUP");
    }
    if (line.includes("configuration reloaded")) {
      const started = `${folder.path}/started`;
      const running = post(url, `: >${started}; sleep 0.3; ${showToken}`);
      await fileExists(started);
      child.kill("SIGKILL");
      assert.equal((await running).output, "2 2\n");
      Deno.removeSync(started);
    }
  }
  await child.stdin.close().catch(() => {});
  await child.status;
  assert.match(shown.join("\n"), /configuration reloaded cause=SIGHUP/);
  await eventually("nothing is left", () => [...Deno.readDirSync(folder.path)].length === 0);
});

Deno.test("send --follow at a terminal shows place and progress, and makes room for the command's output", async () => {
  let next: PromiseWithResolvers<void> | undefined;
  const encoder = new TextEncoder();
  const line = (event: unknown) => encoder.encode(`${JSON.stringify(event)}\n`);
  async function* events() {
    for (
      const event of [
        { event: "queued", place: 3 },
        { event: "progress", percent: 40, text: "page 4\u001b[2J" },
      ]
    ) {
      next = Promise.withResolvers();
      yield line(event);
      await next.promise;
    }
    yield line({ event: "stdout", text: "out\n" });
    yield line({ event: "exit", exit_status: 7 });
  }
  await using server = startRunServer(() =>
    new Response(ReadableStream.from(events()), {
      headers: { "content-type": "application/x-ndjson" },
    })
  );
  const program = binary ?? `${Deno.execPath()} run -A --cached-only ${projectRoot}main.ts`;
  const command = `exec ${program} send --url ${server.url} --follow ${projectRoot}LICENSE`;
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--flush", "--command", command, "/dev/null"],
    stdin: "null",
    stdout: "piped",
    signal: AbortSignal.timeout(60_000),
  }).spawn();
  let shown = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    shown += piece;
    if (/place 3: \d+ s/.test(shown) && !shown.includes("running")) next?.resolve();
    if (shown.includes("page 4")) next?.resolve();
  }
  assert.equal((await child.status).code, 7);
  assert.match(shown, /\rwaiting in the queue, at place 3: \d+ s/);
  const clear = "\x1b[K";
  assert.ok(
    shown.includes(`\rrunning [${"#".repeat(12).padEnd(30)}] 40 % page 4\\u001b[2J${clear}`),
  );
  assert.ok(shown.endsWith(`\r${clear}out\r\n`), shown);
});
