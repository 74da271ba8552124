/** The Windows binary and batch files. */

import assert from "node:assert/strict";
import { get, post, postRaw, statusOf } from "../support/client.ts";
import { eventually } from "../support/processes.ts";
import { projectRoot } from "../support/program.ts";
import { filesIn, spoolIn } from "../support/spool.ts";
import {
  commandOf,
  endWindows,
  fileAlone,
  processesWith,
  start,
  stop,
  windowsFolder,
  writeFile,
  writeLines,
} from "../support/windows.ts";

const scripts = {
  "copy.bat": [
    'copy /b /y "%JOBRUNNER_REQUEST_DATA_FN%" "%JOBRUNNER_RESPONSE_DATA_FN%" >nul',
    "echo worker %JOBRUNNER_WORKER_ID%",
    "exit /b 0",
  ],
  "both.bat": [
    'copy /b /y "%JOBRUNNER_REQUEST_DATA_FN%" "%JOBRUNNER_RESPONSE_DATA_FN%" >nul',
    'type "%JOBRUNNER_REQUEST_DATA_FN%"',
  ],
  "parts.bat": [
    'type "%JOBRUNNER_REQUEST_DIR%\\parts.json"',
    'type "%JOBRUNNER_REQUEST_DIR%\\002"',
  ],
  "progress.bat": ["echo ::progress 40 page 4 of 10 1>&2", "echo done", "exit /b 3"],
  "seven.cmd": ["echo to stderr 1>&2", "exit /b 7"],
  "a folder/with blanks.bat": ["echo %OTEL_SERVICE_NAME% %JOBRUNNER_PASSWORD%"],
  "arguments.bat": ["echo [%~1] [%~2]"],
  "names.bat": ["echo %JOBRUNNER_COMMAND% %JOBRUNNER_POOL% %JOBRUNNER_WORKER_ID% %~1"],
  "input.bat": ["set /p LINE=", "echo [%LINE%]"],
  "here.bat": ["type here"],
  "variables.bat": ["set"],
  "call.bat": ["call only_here.bat"],
  "on the path/only_here.bat": ["echo found"],
  "forever.bat": [":again", "ping -n 2 127.0.0.1 >nul", "goto again"],
};

/** A folder of Windows with the batch files. */
function batchFolder(): Disposable & { readonly path: string } {
  const folder = windowsFolder();
  for (const [name, lines] of Object.entries(scripts)) {
    Deno.mkdirSync(`${folder.path}/${name.split("/").slice(0, -1).join("/")}`, { recursive: true });
    writeLines(`${folder.path}/${name}`, ["@echo off", ...lines]);
  }
  return folder;
}

Deno.test("Windows: .bat and .cmd files run with binary data, exit status and stderr, and no file is left", async () => {
  using folder = batchFolder();
  const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at % 256);
  {
    const program = await start(folder.path, ".\\copy.bat");
    const { json, output } = await postRaw(
      program.url,
      JSON.stringify({ id: 'a/b & c "%PATH%"', data: bytes.toBase64() }),
    );
    assert.equal(json["exit_status"], 0);
    assert.equal(json["data"], bytes.toBase64());
    assert.match(output, /^worker [12]\r\n$/);
    assert.deepEqual(filesIn(spoolIn(`${folder.path}/spool`)), []);
    const { text } = await get(`${program.url}/metrics`);
    assert.match(text, /outcome="success"} 1$/m);
    assert.match(text, /^process_resident_memory_bytes [1-9]/m);
    await stop(program, folder.path);
  }
  const program = await start(folder.path, ".\\seven");
  const { json, error } = await post(program.url, "x");
  assert.equal(json["exit_status"], 7, "found by PATHEXT");
  assert.equal(error.trim(), "to stderr");
  await stop(program, folder.path);
});

Deno.test("Windows: POST /run takes and returns small and large bytes, and no file is left", async () => {
  using folder = batchFolder();
  const program = await start(folder.path, ".\\both.bat");
  for (const count of [0, 10, 200_000]) {
    const text = "line\r\n".repeat(count);
    for (const output of ["data", "output"]) {
      const answer = await fetch(`${program.url}/run?answer=${output}`, {
        method: "POST",
        body: text,
      });
      assert.equal(await answer.text(), text);
      assert.equal(answer.status, 200);
    }
  }
  await eventually(
    "no file is left",
    () => filesIn(spoolIn(`${folder.path}/spool`)).length === 0,
  );
  await stop(program, folder.path);
});

Deno.test("Windows: POST /run takes a form and sends live events", async () => {
  using folder = batchFolder();
  const forms = await start(folder.path, ".\\parts.bat");
  const body = new FormData();
  body.append("lang", "de");
  body.append("doc", new Blob(["one"]), "a.txt");
  body.append("doc", new Blob(["two"]), "b.txt");
  const said = await (await fetch(`${forms.url}/run`, { method: "POST", body })).text();
  assert.match(said, /"name":"lang","value":"de".*"filename":"b.txt".*"file":"002"}\]two$/);
  await stop(forms, folder.path);
  const program = await start(folder.path, ".\\progress.bat");
  const headers = { accept: "application/x-ndjson" };
  const live = await fetch(`${program.url}/run`, { method: "POST", headers });
  const events = (await live.text()).trim().split("\n").map((line) => JSON.parse(line));
  const of = (name: string) => events.filter(({ event }) => event === name);
  const reports = of("progress").map(({ percent, text }) => [percent, text]);
  assert.deepEqual(reports, [[40, "page 4 of 10"]]);
  assert.equal(of("stdout").map(({ text }) => text).join(""), "done\r\n");
  assert.deepEqual([events.at(-1).event, events.at(-1).exit_status], ["exit", 3]);
  await stop(program, folder.path);
});

Deno.test("Windows: a command gets the payload as its standard input, and need not read it", async () => {
  using folder = batchFolder();
  const stdin = { JOBRUNNER_STDIN: "payload" };
  const reading = await start(folder.path, ".\\input.bat", stdin);
  assert.equal((await post(reading.url, "one line\r\n")).output, "[one line]\r\n");
  await stop(reading, folder.path);
  const program = await start(folder.path, ".\\seven", stdin);
  for (const payload of ["x", "x".repeat(3_000_000)]) {
    const { json, error } = await post(program.url, payload);
    assert.deepEqual([json["exit_status"], error.trim()], [7, "to stderr"]);
  }
  await stop(program, folder.path);
});

Deno.test("Windows: a command may have blanks in its path, gets its arguments, and sees no secrets", async () => {
  using folder = batchFolder();
  const blanks = await start(folder.path, '"a folder\\with blanks.bat"', {
    JOBRUNNER_PASSWORD: "hunter2",
    OTEL_SERVICE_NAME: "inherited",
  });
  const headers = { "x-jr-password": "hunter2" };
  const { output } = await post(blanks.url, "x", { headers });
  assert.match(output, /^inherited /);
  assert.doesNotMatch(output, /hunter2/);
  await stop(blanks, folder.path);
  const words = await start(folder.path, ".\\arguments.bat one 'two words'");
  assert.equal(
    (await post(words.url, "x", { id: "& echo owned" })).output,
    "[one] [two words]\r\n",
  );
  await stop(words, folder.path);
});

Deno.test("Windows: a timeout kills the process tree, and the worker keeps running", async () => {
  using folder = batchFolder();
  const program = await start(folder.path, ".\\forever.bat", { JOBRUNNER_NUM_WORKERS: "1" });
  const forever = JSON.stringify({ id: "i", data: btoa("x"), timeout_sec: 1 });
  for (let round = 0; round < 2; round++) {
    const running = postRaw(program.url, forever);
    await eventually("it can be seen", () => processesWith("forever.bat") > 0);
    const { json } = await running;
    assert.equal(json["exit_status"], 124);
    assert.equal(json["timed_out"], true);
  }
  await eventually(
    "the worker is free",
    async () => (await statusOf(program.url)).busy === 0,
  );
  await eventually("nothing of the trees is left", () => processesWith("forever.bat") === 0);
  await stop(program, folder.path);
});

Deno.test("Windows: Ctrl-C lets a running job finish", async () => {
  using folder = batchFolder();
  writeLines(`${folder.path}/slow.bat`, ["@echo off", "ping -n 3 127.0.0.1 >nul", "echo whole"]);
  const program = await start(folder.path, ".\\slow.bat");
  const running = post(program.url, "x");
  await eventually(
    "it runs",
    async () => (await statusOf(program.url)).busy === 1,
  );
  const stopped = stop(program, folder.path);
  assert.equal((await running).output, "whole\r\n");
  await stopped;
});

Deno.test("Windows: send, wait-file and --version work", async () => {
  using folder = batchFolder();
  const run = async (...args: string[]) => {
    const { code, stdout } = await commandOf(folder.path, args, {}).output();
    return { code, stdout: new TextDecoder().decode(stdout) };
  };
  const { version } = JSON.parse(Deno.readTextFileSync(`${projectRoot}deno.json`));
  const { stdout } = await run("--version");
  assert.ok(stdout.startsWith(`jobrunner ${version} (`), stdout);
  assert.equal((await run("wait-file", "60", ".", "copy.bat")).code, 0);
  assert.equal((await run("wait-file", "0.1", ".", "missing")).code, 1);
  assert.equal((await run("wait-file")).code, 2);
  Deno.writeTextFileSync(`${folder.path}/payload`, "hello");
  const program = await start(folder.path, ".\\copy.bat");
  const send = (output: string) => run("send", "--url", program.url, "--output", output, "payload");
  Deno.mkdirSync(`${folder.path}/folder`);
  // A new file, the same again, standard output, no file at all, a folder.
  const cases: [string, number, RegExp][] = [
    ["result", 0, /^worker [12]\r\n$/],
    [".\\result", 0, /^worker [12]\r\n$/],
    ["-", 0, /^worker [12]\r\nhello$/],
    ["NUL", 0, /^worker [12]\r\n$/],
    ["folder", 73, /^$/],
    ["missing\\", 73, /^$/],
  ];
  for (const [output, code, said] of cases) {
    const sent = await send(output);
    assert.equal(sent.code, code, output);
    assert.match(sent.stdout, said);
    assert.equal(Deno.readTextFileSync(`${folder.path}/result`), "hello");
  }
  await stop(program, folder.path);
});

Deno.test("Windows: start.bat starts beyond loopback with a password or JOBRUNNER_ALLOW_OPEN=on only", async () => {
  using folder = batchFolder();
  for (const name of ["start.bat", "legacy_wrapper.bat"]) {
    Deno.copyFileSync(`${projectRoot}contrib/windows/${name}`, `${folder.path}/${name}`);
  }
  const started = async (env: Record<string, string>) => {
    const common = { JOBRUNNER_SPOOL_DIR: "spool", JOBRUNNER_HTTP_LISTEN_ADDRESS: "0.0.0.0" };
    const args = ["/c", "start.bat", "--check"];
    const { code, stdout, stderr } =
      await (commandOf(folder.path, args, { ...common, ...env }, "cmd").output());
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, said: text(stdout) + text(stderr) };
  };
  // No password is typed here.
  for (const env of [{}, { JOBRUNNER_ALLOW_OPEN: "off" }] as Record<string, string>[]) {
    const { code, said } = await started(env);
    assert.equal(code, 2, said);
    assert.match(
      said,
      /must be on loopback while neither a password nor a token is set, .*JOBRUNNER_ALLOW_OPEN=on/,
    );
  }
  const open = await started({ JOBRUNNER_ALLOW_OPEN: "on" });
  assert.equal(open.code, 0, open.said);
  assert.match(open.said, /warning: ANYONE who can reach 0\.0\.0\.0/);
  const closed = await started({ JOBRUNNER_PASSWORD: "hunter2" });
  assert.equal(closed.code, 0, closed.said);
  assert.doesNotMatch(closed.said, /ANYONE/);
  await endWindows();
});

Deno.test("Windows: named commands have pools, folders and environments of their own", async () => {
  using folder = batchFolder();
  for (const worker of [1, 2]) {
    Deno.mkdirSync(`${folder.path}/tool/${worker}`, { recursive: true });
    Deno.writeTextFileSync(`${folder.path}/tool/${worker}/here`, `installation ${worker}`);
  }
  writeFile(
    folder.path,
    "[commands.own]\ncmd = '.\\names.bat \"two words\"'",
    "[commands.one]\ncmd = '.\\names.bat 1'\npool = 'device'",
    "[commands.two]\ncmd = '.\\names.bat 2'\npool = 'device'",
    "[pools.device]\nnum_workers = 1",
    "[commands.fit]\ncmd = '.\\here.bat'\nworking_directory = 'tool\\{worker_id}'\nnum_workers = 2",
    "[commands.few]\ncmd = '.\\variables.bat'\ninherit_env = ['path']\nenv = { GREETING = 'hello' }",
    "[commands.call]\ncmd = '.\\call.bat'\nenv = { path = 'on the path' }",
  );
  const program = await start(folder.path, undefined, fileAlone);
  const outputOf = async (command: string) => (await post(program.url, "x", { command })).output;
  assert.match(await outputOf("own"), /^own own [12] two words\r\n$/);
  const shared = await Promise.all(["one", "two", "one"].map(outputOf));
  assert.deepEqual(shared, ["one device 1 1\r\n", "two device 1 2\r\n", "one device 1 1\r\n"]);
  const installations = await Promise.all(["fit", "fit"].map(outputOf));
  assert.deepEqual(installations.sort(), ["installation 1", "installation 2"]);
  const few = await outputOf("few");
  assert.match(few, /^PATH=.*system32/im);
  assert.match(few, /^GREETING=hello\r$/m);
  assert.match(few, /^SystemRoot=/im);
  assert.doesNotMatch(few, /^(USERPROFILE|JOBRUNNER_SPOOL_DIR)=/im);
  assert.equal(await outputOf("call"), "found\r\n", "env replaces PATH in another case");
  await stop(program, folder.path);
});

Deno.test("Windows: umask, nice and limits in the file are errors", async () => {
  using folder = batchFolder();
  const keys = ["umask = 0o027", "nice = 5", "limit_memory_bytes = 100000000", "limit_cpu_sec = 5"];
  writeFile(folder.path, "[commands.a]", "cmd = '.\\names.bat'", ...keys);
  const { code, stderr } = await commandOf(folder.path, ["serve", "--check"], fileAlone).output();
  const refused = new TextDecoder().decode(stderr).split("\n")
    .flatMap((line) =>
      /^jobrunner.toml:(\d): .*: must be left out on this machine: /.exec(line)?.[1] ?? []
    );
  assert.equal(code, 2);
  assert.deepEqual(refused, ["3", "4", "5", "6"]);
  await endWindows();
});

Deno.test("Windows: a changed file is loaded, but a new program needs a restart", async () => {
  using folder = batchFolder();
  const write = (workers: number, command: string) =>
    writeFile(
      folder.path,
      "config_watch_sec = 0.2",
      `[commands.a]\ncmd = '${command}'\nnum_workers = ${workers}`,
    );
  write(1, ".\\names.bat old");
  const program = await start(folder.path, undefined, fileAlone);
  const { url, log } = program;
  const logged = (part: string, times: number) =>
    eventually(
      `${part} is logged`,
      () => log.filter((line) => line.includes(part)).length === times,
    );
  write(3, ".\\names.bat new");
  await logged("configuration reloaded", 1);
  assert.equal((await statusOf(url)).workers, 3);
  const { output } = await post(url, "x", { command: "a" });
  assert.match(output, /^a a [123] new\r\n$/);
  write(3, ".\\seven.cmd");
  await logged("configuration not reloaded", 1);
  await logged(
    "seven.cmd was not a command's program when the server started, so a restart is needed",
    1,
  );
  assert.match((await get(`${url}/metrics`)).text, /^jobrunner_config_last_reload_successful 0$/m);
  write(2, ".\\names.bat again");
  await logged("configuration reloaded", 2);
  assert.equal((await statusOf(url)).workers, 2);
  await stop(program, folder.path);
});
