/**
 * `serve --check` and the faults of a configuration file, as the real program reports them.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { configFileIn, runNamed, shellCmd, tomlString } from "../support/named.ts";
import { fixture, runProgram } from "../support/program.ts";

const check = { args: ["serve", "--check"] };

const commands = `
default_command = "pdf"
[commands.pdf]
${shellCmd}
description = "Office document to PDF"
num_workers = 1
limit_cpu_sec = 5
env = { SECRET = "hunter2" }
[commands.list]
cmd = "${fixture("print_arguments.sh")} 'a b'"
pool = "office"
[commands.other]
${shellCmd}
pool = "office"
[pools.office]
num_workers = 2
`;

/** The lines of a command's block. */
function blockOf(name: string, stdout: string): string[] {
  const lines = stdout.split("\n");
  const from = lines.indexOf(`command ${name}:`) + 1;
  assert.notEqual(from, 0, stdout);
  return lines.slice(from, from + lines.slice(from).findIndex((line) => !line.startsWith("  ")));
}

Deno.test("serve --check shows each command and what the service may do, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  // With a limit of its own, a spool in memory causes no warning.
  const env = { JOBRUNNER_SPOOL_DIR: folder.path, JOBRUNNER_MAX_SPOOL_BYTES: "1000000" };
  const { code, stdout, stderr } = await runNamed(commands, { ...check, env });
  assert.deepEqual([code, stderr], [0, ""], stdout);
  const limits = (...lines: string[]) => [
    ...lines,
    "  limits: run unlimited, kill grace 5 s, request 104857600 bytes, each output 104857600 bytes, on disconnect cancel",
    "  limits of POST /run: request 10737418240 bytes, each output 10737418240 bytes",
  ];
  assert.deepEqual(blockOf("pdf", stdout), [
    ...limits(
      "  description: Office document to PDF",
      `  command: ${fixture("run_payload.sh")}`,
      "  pool: pdf, 1 worker, 10 jobs may wait",
    ),
    "  variables: SECRET",
    "  process: CPU seconds 5",
  ]);
  assert.deepEqual(
    blockOf("list", stdout),
    limits(
      `  command: ${fixture("print_arguments.sh")}`,
      "  argument 1: a b",
      "  pool: office, 2 workers, 20 jobs may wait",
    ),
  );
  const lines = stdout.split("\n");
  for (
    const line of [
      "JOBRUNNER_DEFAULT_COMMAND=pdf  # file",
      "default command: pdf",
      `session: each command's own, by a launcher in ${folder.path}`,
      `spool: in ${folder.path}, at most 1000000 bytes for requests of POST /run`,
      "probe: running another program: refused",
      "probe: choosing the command's arguments: refused",
      "probe: writing a launcher: refused",
      "probe: running the command pdf: allowed",
      "probe: running the command list: allowed",
      "probe: running the command other: allowed",
    ]
  ) assert.ok(lines.includes(line), `${line} is not in\n${stdout}`);
  assert.match(
    stdout,
    /^a compromised service could: run any of the commands as it is configured/m,
  );
  assert.doesNotMatch(stdout, /hunter2|^(error|warning): /m);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("serve --check exits with 1 and names the command whose program is missing", async () => {
  const { code, stdout } = await runNamed(
    `${commands}[commands.broken]\ncmd = "/no/such/program"\n`,
    check,
  );
  assert.equal(code, 1);
  assert.equal(
    blockOf("broken", stdout)[0],
    "  command: /no/such/program (missing or not an executable file)",
  );
  assert.match(stdout, /^warning: command broken: \/no\/such\/program is missing or not an exec/m);
  assert.doesNotMatch(stdout, /^warning: command (pdf|list|other)/m);
});

for (const args of [["serve"], ["serve", "--check"]]) {
  Deno.test(`${args.join(" ")} exits with 2 and reports every fault of the file at once, with its line`, async () => {
    using folder = temporaryFolder();
    const file = configFileIn(
      folder.path,
      [
        "num_worker = 2",
        'default_command = "pdff"',
        "[commands.pdf]",
        shellCmd,
        'num_workers = "two"',
        "worker = 1",
        "[commands.Upper]",
        shellCmd,
        "[commands.empty]",
        "[commands.lost]",
        shellCmd,
        'pool = "ofice"',
        "umask = 27",
        'env = { JOBRUNNER_CMD = "secret" }',
        "[pools.office]",
        "num_workers = 0",
      ].join("\n"),
    );
    const { code, stdout, stderr } = await runProgram({ args, env: file });
    assert.deepEqual([code, stdout], [2, ""]);
    const path = file.JOBRUNNER_CONFIG_FILE;
    const places = stderr.trimEnd().split("\n").map((line) => {
      assert.ok(line.startsWith(`${path}:`), line);
      return /^:(\d+: [^ ]*?):?(?= |$)/.exec(line.slice(path.length))?.[1];
    });
    assert.deepEqual(places.sort((a, b) => parseInt(a ?? "") - parseInt(b ?? "")), [
      "1: num_worker",
      "2: default_command",
      "5: commands.pdf.num_workers",
      "6: commands.pdf.worker",
      "7: commands.Upper",
      "9: commands.empty.cmd",
      "12: commands.lost.pool",
      "13: commands.lost.umask",
      "14: commands.lost.env.JOBRUNNER_CMD",
      "15: pools.office",
      "16: pools.office.num_workers",
    ], stderr);
    assert.doesNotMatch(stderr, /secret/);
  });
}

Deno.test("a file that is missing or not TOML exits with 2 and says why, with the place", async () => {
  const missing = await runProgram({
    ...check,
    env: { JOBRUNNER_CONFIG_FILE: "/no/such/jobrunner.toml" },
  });
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^JOBRUNNER_CONFIG_FILE=\/no\/such\/jobrunner\.toml: [^\n]+\n$/);
  const broken = await runNamed("[commands.pdf]\ncmd = /bin/date\n", check);
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /^\S+\/jobrunner\.toml:2:/);
});

Deno.test("serve --check starts each warm command and says whether it waits for a job; others it does not start", async () => {
  using folder = temporaryFolder();
  const started = `${folder.path}/started`;
  const script = (name: string, then: string) =>
    `cmd = ${tomlString(`sh -c 'echo ${name} >>${started}; ${then}'`)}`;
  const { code, stdout, stderr } = await runNamed(
    [
      `[commands.waits]\nwarm = true\n${script("waits", "exec cat")}`,
      `[commands.exits]\nwarm = true\n${script("exits", "exit 4")}`,
      `[commands.cold]\n${script("cold", "exec cat")}\n`,
    ].join("\n"),
    check,
  );
  assert.deepEqual([code, stderr], [0, ""], stdout);
  assert.deepEqual(stdout.match(/^warm: .*$/gm), [
    "warm: the command waits waits for a job",
    "warm: the command exits ended with status 4: every job starts it anew",
  ]);
  assert.deepEqual(
    Deno.readTextFileSync(started).trim().split("\n").sort(),
    ["exits", "waits"],
  );
});
