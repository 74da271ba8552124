import assert from "node:assert/strict";
import { commandLines, describeCommands } from "../../src/supervisor/check_commands.ts";
import { configOfFile, onlyCommandOf } from "../support/machine.ts";

Deno.test("commandLines() shows the program and each argument on a line of its own", () => {
  const command = onlyCommandOf({ JOBRUNNER_CMD: "/bin/date -u '+%H %M'" });
  assert.deepEqual(commandLines(command), [
    "command: /bin/date",
    "argument 1: -u",
    "argument 2: +%H %M",
  ]);
  assert.deepEqual(commandLines(onlyCommandOf({ JOBRUNNER_CMD: "/no/such/program" })), [
    "command: /no/such/program (missing or not an executable file)",
  ]);
  assert.deepEqual(commandLines(undefined), []);
});

Deno.test("describeCommands() shows for each command its pool, its limits and what its process starts with", () => {
  const config = configOfFile(
    `
    default_command = "b"
    max_request_bytes = 1000
    max_output_bytes = 2000
    max_run_bytes = 0
    max_result_bytes = 6
    [commands.a]
    cmd = "/bin/date -u"
    description = "the date"
    pool = "office"
    job_timeout_sec = 1.5
    kill_grace_sec = 0
    on_disconnect = "finish"
    max_request_bytes = 1
    max_output_bytes = 0
    max_run_bytes = 5
    max_result_bytes = 0
    inherit_env = ["PATH", "LANG"]
    env = { SECRET = "hunter2", B = "b" }
    working_directory = "/srv/{pool}/{worker_id}"
    umask = 0o027
    nice = 5
    limit_memory_bytes = 1048576
    limit_cpu_sec = 2
    limit_file_bytes = 3
    limit_open_files = 16
    [commands.b]
    cmd = "/bin/date"
    num_workers = 2
    queue_limit = 1
    inherit_env = "none"
    umask = "0"
    stdin = "payload"
    nice = 0
    [pools.office]
    num_workers = 1
    queue_limit = 7
    queue_timeout_sec = 0.25
    `,
    { disk: { "/srv/office/1": "folder" } },
  );
  assert.deepEqual(describeCommands(config), [
    "default command: b",
    "command a:",
    "  description: the date",
    "  command: /bin/date",
    "  argument 1: -u",
    "  pool: office, 1 worker, 7 jobs may wait, for at most 0.25 s",
    "  limits: run 1.5 s, kill grace 0 s, request 1 byte, each output unlimited, on disconnect finish",
    "  limits of POST /run: request 5 bytes, each output unlimited",
    "  inherits: PATH, LANG",
    "  variables: SECRET, B",
    "  working directory: /srv/office/{worker_id}",
    "  process: umask 027, nice 5, memory in bytes 1048576, CPU seconds 2, file size in bytes 3, open files 16",
    "command b:",
    "  command: /bin/date",
    "  pool: b, 2 workers, 1 job may wait",
    "  limits: run unlimited, kill grace 5 s, request 1000 bytes, each output 2000 bytes, on disconnect cancel",
    "  limits of POST /run: request unlimited, each output 6 bytes",
    "  standard input: the payload",
    "  inherits: nothing",
    "  process: umask 000, nice 0",
  ]);
});

Deno.test("describeCommands() shows when warm processes are replaced", () => {
  const linesOf = (toml: string) =>
    describeCommands(configOfFile(`[commands.a]\ncmd = "/bin/date"\n${toml}`))
      .filter((line) => line.includes("warm"));
  const line = "  warm: a process of each worker waits for the job";
  assert.deepEqual(linesOf("warm_max_jobs = 1"), []);
  assert.deepEqual(linesOf("warm = true"), [`${line}, replaced after 1000 jobs or 3600 s`]);
  assert.deepEqual(linesOf("warm = true\nwarm_max_jobs = 0\nwarm_max_age_sec = 0"), [line]);
});

Deno.test("describeCommands() says that there is no default command", () => {
  const config = configOfFile('[commands.a]\ncmd = "/bin/date"\n');
  assert.equal(describeCommands(config)[0], "default command: none");
  const shown = describeCommands(config).join("\n");
  for (const absent of ["inherits", "variables", "working directory", "process", "description"]) {
    assert.ok(!shown.includes(absent), absent);
  }
});
