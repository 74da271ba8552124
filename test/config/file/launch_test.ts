import assert from "node:assert/strict";
import type { LaunchConfig } from "../../../src/config/config.ts";
import { configOfFile, type Disk, errorsOfFile } from "../../support/machine.ts";

type Given = Parameters<typeof configOfFile>[1];

const env = { PATH: "/bin" };

/** What the process of a command with these keys starts with. */
function launchOf(keys: string, given: Given = {}): LaunchConfig {
  const config = configOfFile(`[commands.a]\ncmd = 'date'\n${keys}`, { env, ...given });
  return config.commands[0]?.launch as LaunchConfig;
}

/** The errors of a command with these keys. */
function errorsWith(keys: string, given: Given = {}): readonly string[] {
  return errorsOfFile(`[commands.a]\ncmd = 'date'\n${keys}`, { env, ...given });
}

Deno.test("a command starts with what the server has, unless its table says otherwise", () => {
  assert.deepEqual(launchOf(""), {
    inheritEnv: "all",
    env: {},
    workingDirectory: undefined,
    umask: undefined,
    nice: undefined,
    limits: {
      memoryBytes: undefined,
      cpuSec: undefined,
      fileBytes: undefined,
      openFiles: undefined,
    },
  });
  const all = `
    inherit_env = ["PATH", "LANG", "PATH"]
    env = { A = "x y", __proto__ = "p", constructor = "", "b-c.d" = "ä\\n" }
    working_directory = "w"
    umask = 0o027
    nice = 19
    limit_memory_bytes = 1_048_576
    limit_cpu_sec = 2147483647
    limit_file_bytes = 1
    limit_open_files = 0x10
  `;
  const launch = launchOf(all, { disk: { "/work/w": "folder" } });
  assert.deepEqual(Object.entries(launch.env), [
    ["A", "x y"],
    ["__proto__", "p"],
    ["constructor", ""],
    ["b-c.d", "ä\n"],
  ]);
  assert.deepEqual({ ...launch, env: {} }, {
    inheritEnv: ["PATH", "LANG"],
    env: {},
    workingDirectory: "/work/w",
    umask: 0o027,
    nice: 19,
    limits: { memoryBytes: 2 ** 20, cpuSec: 2 ** 31 - 1, fileBytes: 1, openFiles: 16 },
  });
});

Deno.test("inherit_env is all, none or names, and env may be a table or dotted keys", () => {
  assert.equal(launchOf("inherit_env = 'all'").inheritEnv, "all");
  assert.deepEqual(launchOf("inherit_env = 'none'").inheritEnv, []);
  assert.deepEqual(launchOf("inherit_env = []").inheritEnv, []);
  assert.deepEqual(launchOf("env.A = '1'\nenv.B = ''").env, { A: "1", B: "" });
  assert.deepEqual(launchOf("[commands.a.env]\nA = '1'").env, { A: "1" });
});

Deno.test("umask is an octal number or a string of octal digits", () => {
  for (
    const [text, umask] of [
      ["0o027", 0o027],
      ["0o0", 0],
      ["0o777", 0o777],
      ["'027'", 0o027],
      ["'22'", 0o022],
      ["'0000'", 0],
      ["'777'", 0o777],
    ] as const
  ) {
    assert.equal(launchOf(`umask = ${text}`).umask, umask, text);
    const inline = `commands.a = { umask = ${text}, cmd = 'date' }`;
    assert.equal(configOfFile(inline, { env }).commands[0]?.launch.umask, umask, inline);
  }
});

Deno.test("working_directory gets the name of the pool at once and keeps the place of the worker's number", () => {
  const disk: Disk = {
    "/work/a/1": "folder",
    "/work/a/2": "folder",
    "/srv/office-1-1": "folder",
    "/srv/{x": "folder",
  };
  assert.equal(
    launchOf("num_workers = 2\nworking_directory = '{pool}/{worker_id}'", { disk })
      .workingDirectory,
    "/work/a/{worker_id}",
  );
  assert.equal(
    launchOf(
      "pool = 'office'\nworking_directory = '/srv/{pool}-{worker_id}-{worker_id}'\n[pools.office]\nnum_workers = 1",
      { disk },
    ).workingDirectory,
    "/srv/office-{worker_id}-{worker_id}",
  );
  assert.equal(launchOf("working_directory = '/srv/{x'", { disk }).workingDirectory, "/srv/{x");
  assert.deepEqual(errorsWith("working_directory = '/work/{pool}/{worker_id}'", { disk }), [
    'jobrunner.toml:3: commands.a.working_directory = "/work/{pool}/{worker_id}": must be an existing folder (/work/a/3 is not one)',
  ]);
});

Deno.test("what only the launcher can set is a fault where there is none, with the reason", () => {
  const keys = "umask = '027'\nnice = 1\nlimit_cpu_sec = 1\nlimit_open_files = 16\n";
  const sentences = (why: string) =>
    ['umask = "027"', "nice = 1", "limit_cpu_sec = 1", "limit_open_files = 16"].map((key, index) =>
      `jobrunner.toml:${3 + index}: commands.a.${key}: must be left out on this machine: ${why}`
    );
  assert.deepEqual(
    errorsWith(keys, { around: { os: "darwin", hasLauncher: false } }),
    sentences("only the launcher can set it, which there is for Linux on x64 and ARM64"),
  );
  const windows = { os: "windows", cwd: "/work", hasLauncher: false } as const;
  const errors = errorsOfFile(`[commands.a]\ncmd = '/bin/date'\n${keys}`, {
    env: { ...env, JOBRUNNER_SPOOL_DIR: "/tmp" },
    around: windows,
  });
  assert.deepEqual(
    errors.filter((error) => error.includes("commands.a")),
    sentences("Windows has no such thing"),
  );
});

Deno.test("LD_* and DYLD_* in a command's env are faults where the sandbox would refuse them", () => {
  const keys = "env = { LD_PRELOAD = 'x', DYLD_X = 'y', LD_EMPTY = '', OLD_X = 'z' }";
  const names = ["LD_PRELOAD", "DYLD_X"];
  const sentences = names.map((name) =>
    `jobrunner.toml:3: commands.a.env.${name}: must be left out while the sandbox is on, since the command could not start: leave it out, or set JOBRUNNER_SANDBOX=off`
  );
  assert.equal(launchOf(keys).env["LD_PRELOAD"], "x");
  const without = { around: { hasLauncher: false } };
  assert.deepEqual(errorsWith(keys, without), sentences);
  // Named commands are started by launchers even in the server's session.
  assert.equal(launchOf(keys, { args: ["--own-session=off"] }).env["LD_PRELOAD"], "x");
  assert.equal(launchOf(keys, { ...without, args: ["--sandbox=off"] }).env["DYLD_X"], "y");
});
