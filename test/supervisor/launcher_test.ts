import assert from "node:assert/strict";
import {
  comesFromCaller,
  hasLauncher,
  type Launch,
  makeLauncher,
} from "../../src/supervisor/launcher.ts";
import { temporaryFolder } from "../support/folder.ts";
import { plainLaunch, runLauncher, writeProgram } from "../support/launcher.ts";

/** Splits what /proc shows: texts that each end with a NUL. */
function texts(shown: string): string[] {
  return shown.split("\0").slice(0, -1);
}

const environmentReader = { program: "/bin/cat", args: ["/proc/self/environ"] };

function shell(script: string, ...args: string[]) {
  return { program: "/bin/sh", args: ["-c", script, ...args] };
}

Deno.test("a launcher's command leads a session and a process group of its own", async () => {
  using folder = temporaryFolder();
  const { pid, stdout } = await runLauncher(folder.path, {
    program: "/bin/cat",
    args: ["/proc/self/stat"],
  });
  const [, processGroup, session] = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ").slice(1);
  assert.deepEqual([Number(processGroup), Number(session)], [pid, pid]);
});

Deno.test("a launcher that leads a session already starts its command", async () => {
  using folder = temporaryFolder();
  const { code, stdout } = await runLauncher(folder.path, shell("echo started"), {
    through: ["setsid", "--wait"],
  });
  assert.deepEqual([code, stdout], [0, "started\n"]);
});

Deno.test("a launcher passes on its own arguments byte for byte, and none of its caller's", async () => {
  using folder = temporaryFolder();
  const args = ["name", "", "two words", "žluťoučký 🐎", "a\nb", "$HOME", "'\"", "-n", ""];
  const launch = shell("cat /proc/$$/cmdline", ...args);
  const { stdout } = await runLauncher(folder.path, launch, {
    through: ["sh", "-c", 'exec "$1" more "and more"', "sh"],
    env: { PATH: "/usr/bin:/bin" },
  });
  assert.deepEqual(texts(stdout), [launch.program, ...launch.args]);
});

Deno.test("a launcher appends to its environment only its caller's job and trace variables", async () => {
  using folder = temporaryFolder();
  const env = { PATH: "/usr/bin", EMPTY: "", "ODD NAME": "=x", TRACE: "ours" };
  const { stdout } = await runLauncher(folder.path, { ...environmentReader, env }, {
    env: {
      PATH: "/elsewhere",
      HOME: "/elsewhere",
      BASH_ENV: "/elsewhere",
      LD_PRELOAD: "/elsewhere",
      LD_LIBRARY_PATH: "/elsewhere",
      TRACE: "theirs",
      TRACEX: "1",
      TRACEPARENTS: "1",
      TRACESTAT: "1",
      JOBRUNNER: "1",
      JOBRUNNERX: "1",
      XJOBRUNNER_A: "1",
      jobrunner_a: "1",
      "BASH_FUNC_x%%": "() { :; }",
      JOBRUNNER_REQUEST_ID: "a b",
      JOBRUNNER_EMPTY: "",
      TRACEPARENT: "parent",
      TRACESTATE: "",
    },
  });
  const all = texts(stdout);
  assert.deepEqual(all.slice(0, 4), ["PATH=/usr/bin", "EMPTY=", "ODD NAME==x", "TRACE=ours"]);
  assert.deepEqual(all.slice(4).sort(), [
    "JOBRUNNER_EMPTY=",
    "JOBRUNNER_REQUEST_ID=a b",
    "TRACEPARENT=parent",
    "TRACESTATE=",
  ]);
});

Deno.test("comesFromCaller() is true for exactly the variables that a launcher takes from its caller", async () => {
  using folder = temporaryFolder();
  const names = [
    ...["JOBRUNNER_", "JOBRUNNER_X", "JOBRUNNER", "XJOBRUNNER_", "TRACEPARENT", "TRACESTATE"],
    ...["TRACEPARENT_", "TRACE", "traceparent", "PATH"],
  ];
  const env = Object.fromEntries(names.map((name) => [name, "1"]));
  const { stdout } = await runLauncher(folder.path, environmentReader, { env });
  assert.deepEqual(
    texts(stdout).sort(),
    names.filter(comesFromCaller).map((name) => `${name}=1`).sort(),
  );
});

Deno.test("a launcher's command gets an empty standard input and no descriptor of the launcher", async () => {
  using folder = temporaryFolder();
  const env = { PATH: "/usr/bin:/bin" };
  for (const redirection of ["", "<&-"]) {
    const through = ["sh", "-c", `ls /proc/self/fd; exec "$1" ${redirection}`, "sh"];
    const listing = { program: "/bin/ls", args: ["/proc/self/fd"] };
    const { stdout: lists } = await runLauncher(folder.path, listing, { through, env });
    assert.equal(lists.slice(0, lists.length / 2), lists.slice(lists.length / 2));

    const reading = { ...shell("cat; readlink /proc/$$/fd/0"), env };
    const stdin = "data of the caller";
    const { stdout } = await runLauncher(folder.path, reading, { through, env, stdin });
    assert.equal(stdout.slice(lists.length / 2), "/dev/null\n");
  }
});

Deno.test("a launcher without a standard input of its own leaves its caller's to the command, also a closed one", async () => {
  using folder = temporaryFolder();
  const launch = { ownStdin: false, env: { PATH: "/usr/bin:/bin" } };
  const reading = { ...launch, ...shell("cat") };
  const stdin = "data of the caller";
  assert.equal((await runLauncher(folder.path, reading, { stdin })).stdout, stdin);
  const through = ["sh", "-c", 'exec "$1" <&-', "sh"];
  const looking = { ...launch, ...shell("[ -e /proc/$$/fd/0 ] || echo closed") };
  assert.equal(
    (await runLauncher(folder.path, looking, { through, env: launch.env })).stdout,
    "closed\n",
  );
});

Deno.test("a launcher's command runs in its working directory, or in its caller's if that is missing", async () => {
  using folder = temporaryFolder();
  const pwd = { program: "/bin/pwd" };
  assert.equal((await runLauncher(folder.path, { ...pwd, cwd: "/usr" })).stdout, "/usr\n");
  const missing = await runLauncher(folder.path, { ...pwd, cwd: `${folder.path}/missing` });
  assert.equal(missing.stdout, `${folder.path}\n`);
});

Deno.test("a launcher's command decides its own exit status and output", async () => {
  using folder = temporaryFolder();
  const { code, stdout, stderr } = await runLauncher(
    folder.path,
    shell("echo a; echo b >&2; exit 7"),
  );
  assert.deepEqual([code, stdout, stderr], [7, "a\n", "b\n"]);
});

Deno.test("a launcher that cannot start its program writes its word and errno and exits with 126 or 127", async () => {
  using folder = temporaryFolder();
  const plain = writeProgram(folder.path, "#!/bin/sh\n", 0o600);
  for (
    const { what, program, errno, status } of [
      { what: "missing", program: `${folder.path}/missing`, errno: "002", status: 127 },
      {
        what: "missing interpreter",
        program: writeProgram(folder.path, "#!/missing/interpreter\n"),
        errno: "002",
        status: 127,
      },
      { what: "not executable", program: plain, errno: "013", status: 126 },
      { what: "a folder", program: folder.path, errno: "013", status: 126 },
      { what: "below a file", program: `${plain}/program`, errno: "020", status: 126 },
      { what: "a long name", program: `/${"x".repeat(300)}`, errno: "036", status: 126 },
    ]
  ) {
    for (const word of ["w", "a-word-of-sixteen", "x".repeat(5000)]) {
      const { code, stdout, stderr } = await runLauncher(folder.path, { program, word });
      assert.deepEqual([code, stdout, stderr], [status, "", `${word} ${errno}\n`], what);
    }
  }
});

Deno.test("a launcher reports E2BIG for a command line that is too long for the kernel", async () => {
  using folder = temporaryFolder();
  const long = "x".repeat(100_000);
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`V${index}`, long]));
  for (const launch of [{ args: ["x".repeat(200_000)] }, { env: many }]) {
    const { code, stderr } = await runLauncher(folder.path, launch);
    assert.deepEqual([code, stderr], [126, "not-started 007\n"]);
  }
});

Deno.test("a launcher runs a script without #! by /bin/sh, with its arguments and environment", async () => {
  using folder = temporaryFolder();
  const program = writeProgram(
    folder.path,
    'printf "[%s]" "$0" "$@" "$A" "$JOBRUNNER_A" "$PATH_OF_CALLER"; exit 5\n',
  );
  const launch = { program, args: ["one two", "", "ü"], env: { A: "b" } };
  const { code, stdout, stderr } = await runLauncher(folder.path, launch, {
    env: { JOBRUNNER_A: "c", PATH_OF_CALLER: "d" },
  });
  assert.deepEqual([code, stdout, stderr], [5, `[${program}][one two][][ü][b][c][]`, ""]);
});

Deno.test("a launcher passes on ten thousand variables, half a megabyte of them", async () => {
  using folder = temporaryFolder();
  const env = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`V${index}`, "x".repeat(50)]),
  );
  // An odd and an even number of pointers.
  for (const args of [["/proc/self/environ"], ["-u", "/proc/self/environ"]]) {
    const { stdout } = await runLauncher(folder.path, { program: "/bin/cat", args, env }, {
      env: { JOBRUNNER_A: "last", OTHER: "x" },
    });
    assert.ok(stdout.length > 500_000);
    assert.deepEqual(texts(stdout), [
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      "JOBRUNNER_A=last",
    ]);
  }
});

Deno.test("a launcher picks the right ones out of thousands of its caller's variables", async () => {
  using folder = temporaryFolder();
  const ours = Array.from({ length: 3000 }, (_, index) => [`JOBRUNNER_${index}`, `${index}`]);
  const others = Array.from({ length: 3000 }, (_, index) => [`OTHER_${index}`, `${index}`]);
  const { stdout } = await runLauncher(folder.path, environmentReader, {
    env: Object.fromEntries([...ours, ...others]),
  });
  assert.deepEqual(texts(stdout).sort(), ours.map((pair) => pair.join("=")).sort());
});

Deno.test("makeLauncher() refuses a text with a NUL and names its place, not its value", () => {
  const launch = { ...plainLaunch, args: ["a"], env: { A: "b" } };
  for (
    const { change, message } of [
      { change: { word: "a\0b" }, message: "word of a launcher: must not contain a NUL" },
      { change: { cwd: "\0" }, message: "working directory of a launcher: must not contain a NUL" },
      { change: { program: "/p\0" }, message: "program of a launcher: must not contain a NUL" },
      {
        change: { args: ["a", "\0"] },
        message: "argument 2 of a launcher: must not contain a NUL",
      },
      {
        change: { env: { A: "\0" } },
        message: 'variable "A" of a launcher: must not contain a NUL',
      },
      {
        change: { env: { "A\0": "" } },
        message: 'variable "A\\u0000" of a launcher: must not contain a NUL',
      },
    ]
  ) {
    assert.throws(() => makeLauncher("x86_64", { ...launch, ...change }), { message });
  }
});

Deno.test("hasLauncher() is true for x86_64 and aarch64, and for this machine", () => {
  const asked = ["x86_64", "aarch64", Deno.build.arch, "riscv64", "constructor", ""];
  assert.deepEqual(asked.map(hasLauncher), [true, true, true, false, false, false]);
});

Deno.test("makeLauncher() makes a static executable of one read-only segment, without sections", () => {
  const launch: Launch = {
    ...plainLaunch,
    args: ["a"],
    cwd: "/c",
    env: { A: "b" },
    limits: [{ resource: "memory", soft: 2 ** 40, hard: undefined }],
  };
  for (
    const { arch, machine } of [{ arch: "x86_64", machine: 62 }, {
      arch: "aarch64",
      machine: 183,
    }] as const
  ) {
    const file = makeLauncher(arch, launch);
    const view = new DataView(file.buffer);
    const u16 = (at: number) => view.getUint16(at, true);
    const u32 = (at: number) => view.getUint32(at, true);
    const u64 = (at: number) => Number(view.getBigUint64(at, true));
    assert.deepEqual([...file.subarray(0, 8)], [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
    const executable = 2;
    assert.deepEqual([u16(16), u16(18), u32(20)], [executable, machine, 1]);
    const [headers, sections] = [u64(32), u64(40)];
    assert.deepEqual([headers, sections], [64, 0]);
    const [headerSize, programHeaderSize, programHeaders] = [u16(52), u16(54), u16(56)];
    assert.deepEqual([headerSize, programHeaderSize, programHeaders], [64, 56, 2]);

    const [load, readable, executableFlag, writable] = [1, 4, 1, 2];
    assert.deepEqual([u32(64), u32(68)], [load, readable | executableFlag]);
    const base = 0x400000;
    assert.deepEqual([u64(72), u64(80), u64(96), u64(104)], [0, base, file.length, file.length]);
    assert.ok(u64(24) >= base + 64 + 2 * 56 && u64(24) < base + file.length);
    assert.deepEqual([u32(120), u32(124)], [0x6474e551, readable | writable]);

    const [absent, noLimit] = ["\xff".repeat(4), "\xff".repeat(8)];
    const numbers = `\x02\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0${absent}${absent}\x01\0\0\0`;
    const limit = `\x09\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0${noLimit}`;
    const blob = `${numbers}not-started\0/c\0/bin/true\0a\0A=b\0${limit}`;
    assert.equal(String.fromCharCode(...file.subarray(-blob.length)), blob);
    assert.ok(file.length < 1600);
  }
});
