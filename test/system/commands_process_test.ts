/**
 * What the process of each named command starts with: its environment, its limits and its folder.
 */

import assert from "node:assert/strict";
import { getPriority } from "node:os";
import { heldBy } from "../support/app.ts";
import { post, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runNamed, shellTable, startNamed, tomlString } from "../support/named.ts";
import { eventually } from "../support/processes.ts";

/** The variables that a process was started with, by name. */
function variablesIn(environ: string): Map<string, string> {
  return new Map(
    environ.split("\0").filter((entry) => entry !== "").map((entry) => {
      const at = entry.indexOf("=");
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

/** A script whose output is the environment that it was started with. */
const environ = "cat /proc/$$/environ";
Deno.test("env gives a command values with quotes, line breaks and any letters, and wins over inherited ones", async () => {
  const own = {
    QUOTES: `a "double" and a 'single' one, $HOME \\ \``,
    LINES: "one\ntwo\n\tthree\n",
    LETTERS: "Grüße, 世界 🦕",
    EMPTY: "",
    GREETING: "hello",
    "with.dot and space": "x=y",
  };
  const table = Object.entries(own).map(([name, value]) =>
    `${tomlString(name)} = ${tomlString(value)}`
  );
  await using program = await startNamed(
    shellTable("own", `[commands.own.env]\n${table.join("\n")}`) + shellTable("other"),
    { env: { GREETING: "hi", OTHER: "other" } },
  );
  const given = variablesIn((await post(program.url, environ, { command: "own" })).output);
  for (const [name, value] of Object.entries(own)) assert.equal(given.get(name), value, name);
  assert.equal(given.get("OTHER"), "other");
  const other = variablesIn((await post(program.url, environ, { command: "other" })).output);
  assert.equal(other.get("GREETING"), "hi");
  assert.ok(!other.has("QUOTES"));
});

for (const sandbox of ["on", "off"]) {
  Deno.test(`inherit_env passes on nothing, some variables or all of them, never a secret; sandbox ${sandbox}`, async () => {
    const env = {
      GREETING: "hello",
      OTHER: "other",
      JOBRUNNER_PASSWORD: "hunter2",
      JOBRUNNER_LOG_LEVEL: "info",
      JOBRUNNER_SANDBOX: sandbox,
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=hunter2",
      TRACEPARENT: "the server's",
    };
    const some =
      'inherit_env = ["GREETING", "JOBRUNNER_PASSWORD", "OTEL_EXPORTER_OTLP_HEADERS", "TRACEPARENT", "NOT_SET"]';
    await using program = await startNamed(
      shellTable("nothing", 'inherit_env = "none"\nenv = { OWN = "own" }') +
        shellTable("some", some) +
        shellTable("all"),
      { env },
    );
    const namesOf = async (command: string) => {
      const headers = { "x-jr-password": "hunter2" };
      const { output } = await post(program.url, environ, { command, headers });
      assert.doesNotMatch(output, /hunter2|the server's/);
      return [...variablesIn(output).keys()].sort();
    };
    const ofJob = [
      "JOBRUNNER_CMD",
      "JOBRUNNER_COMMAND",
      "JOBRUNNER_CONTENT_LENGTH",
      "JOBRUNNER_CONTENT_TYPE",
      "JOBRUNNER_FILENAME",
      "JOBRUNNER_JOB_DIR",
      "JOBRUNNER_POOL",
      "JOBRUNNER_QUERY_STRING",
      "JOBRUNNER_REQUEST_DATA_FN",
      "JOBRUNNER_REQUEST_DIR",
      "JOBRUNNER_REQUEST_ID",
      "JOBRUNNER_RESPONSE_DATA_FN",
      "JOBRUNNER_WORKER_ID",
    ];
    assert.deepEqual(await namesOf("nothing"), [...ofJob, "OWN"]);
    assert.deepEqual(await namesOf("some"), ["GREETING", ...ofJob]);
    const all = await namesOf("all");
    for (const name of ["GREETING", "OTHER", "PATH", "JOBRUNNER_LOG_LEVEL", ...ofJob]) {
      assert.ok(all.includes(name), name);
    }
  });
}

Deno.test("umask, nice and limit_open_files hold for one command alone", async () => {
  await using program = await startNamed(
    shellTable("own", "umask = 0o027\nnice = 7\nlimit_open_files = 2048") +
      shellTable("other", 'umask = "077"'),
  );
  const script =
    "cd $JOBRUNNER_JOB_DIR; : >file; mkdir folder; stat -c %a file folder; nice; ulimit -Sn";
  const own = await post(program.url, script, { command: "own" });
  const base = getPriority();
  assert.equal(own.output, `640\n750\n${Math.min(19, base + 7)}\n2048\n`);
  const other = await post(program.url, script, { command: "other" });
  assert.equal(other.output, `600\n700\n${base}\n1024\n`);
});

Deno.test("limit_memory_bytes makes a large allocation of one command fail", async () => {
  await using program = await startNamed(
    shellTable("small", "limit_memory_bytes = 67108864") + shellTable("large"),
  );
  const script = "dd if=/dev/zero of=/dev/null bs=134217728 count=1";
  const small = await post(program.url, script, { command: "small" });
  assert.deepEqual([small.json["ending"], small.json["exit_status"]], ["exited", 1]);
  assert.match(small.error, /memory/);
  assert.equal((await post(program.url, script, { command: "large" })).json["exit_status"], 0);
});

Deno.test("limit_cpu_sec ends a busy loop with SIGXCPU, which the answer names", async () => {
  await using program = await startNamed(shellTable("busy", "limit_cpu_sec = 1"));
  const { json, text } = await post(program.url, "while :; do :; done", { command: "busy" });
  assert.deepEqual([json["ending"], json["signal"]], ["signaled", "SIGXCPU"], text);
});

Deno.test("limit_file_bytes ends a command that writes a larger file, also its response", async () => {
  await using program = await startNamed(
    shellTable("small", "limit_file_bytes = 1000") + shellTable("large"),
  );
  const script = 'exec head -c 5000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"';
  const small = await post(program.url, script, { command: "small" });
  assert.deepEqual([small.json["signal"], small.data.length], ["SIGXFSZ", 1000], small.text);
  const large = await post(program.url, script, { command: "large" });
  assert.deepEqual([large.json["exit_status"], large.data.length], [0, 5000]);
});

for (const sandbox of ["on", "off"]) {
  Deno.test(`working_directory gives each worker a folder of its own, also two at once; sandbox ${sandbox}`, async () => {
    using folder = temporaryFolder();
    for (const name of ["office-1", "office-2", "plain"]) Deno.mkdirSync(`${folder.path}/${name}`);
    using held = heldBy(folder.path);
    const place = (text: string) => `working_directory = ${tomlString(`${folder.path}/${text}`)}\n`;
    await using program = await startNamed(
      shellTable("first", `pool = "office"\n${place("{pool}-{worker_id}")}`) +
        shellTable("second", `${place("plain")}inherit_env = "none"`) + shellTable("third") +
        "[pools.office]\nnum_workers = 2\n",
      { env: { JOBRUNNER_SANDBOX: sandbox } },
    );
    const script = `pwd; ${held.script}`;
    const answers = [1, 2].map(() => post(program.url, script, { command: "first" }));
    await eventually("both run", async () => (await statusOf(program.url)).busy === 2);
    held.release();
    const places = (await Promise.all(answers)).map(({ json, output }) => [
      json["worker_id"],
      output,
    ]);
    assert.deepEqual(
      places.sort(),
      [1, 2].map((id) => [id, `${folder.path}/office-${id}\nreleased\n`]),
    );
    assert.equal(
      (await post(program.url, "pwd", { command: "second" })).output,
      `${folder.path}/plain\n`,
    );
    const server = Deno.realPathSync(`/proc/${program.pid}/cwd`);
    assert.equal((await post(program.url, "pwd", { command: "third" })).output, `${server}\n`);
  });
}

Deno.test("a working directory that is missing at the start is a fault; one that vanishes later ends jobs with 126", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/work`;
  const toml = shellTable("there", `working_directory = ${tomlString(path)}`) + shellTable("other");
  const { code, stderr } = await runNamed(toml);
  assert.equal(code, 2);
  assert.match(stderr, /jobrunner\.toml:3: commands\.there\.working_directory = /);
  Deno.mkdirSync(path);
  await using program = await startNamed(toml);
  const run = () => post(program.url, "pwd", { command: "there" });
  assert.equal((await run()).output, `${path}\n`);
  Deno.removeSync(path);
  const { json, error } = await run();
  assert.deepEqual([json["ending"], json["exit_status"]], ["not_started", 126]);
  assert.match(error, /: the working directory cannot be entered: No such file or directory/);
  assert.equal((await post(program.url, "echo well", { command: "other" })).output, "well\n");
  Deno.mkdirSync(path);
  assert.equal((await run()).output, `${path}\n`);
});
