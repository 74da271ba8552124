import assert from "node:assert/strict";
import type { Limit, LimitedResource } from "../../src/supervisor/launcher.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runLauncher, writeLauncher } from "../support/launcher.ts";
import { boundByModes } from "../support/powers.ts";

const path = { PATH: "/usr/bin:/bin" };

/** A command through which a launcher is run, after a script of the shell. */
function after(script: string): readonly string[] {
  return ["sh", "-c", `${script}\nexec "$1"`, "sh"];
}

function shell(script: string) {
  return { program: "/bin/sh", args: ["-c", script], env: path };
}

Deno.test("a launcher's command stays in its caller's session and process group if it shall", async () => {
  using folder = temporaryFolder();
  const cut = "cut -d ' ' -f 5,6 /proc/$$/stat";
  const launch = { ...shell(cut), ownSession: false };
  const { pid, stdout } = await runLauncher(folder.path, launch, {
    through: ["sh", "-c", `${cut}; "$1"`, "sh"],
    env: path,
  });
  const [callers, own] = stdout.split("\n");
  assert.equal(own, callers);
  assert.notEqual(own, `${pid} ${pid}`);
});

Deno.test("a launcher sets the umask, or leaves it as it is", async () => {
  using folder = temporaryFolder();
  for (
    const { umask, shown } of [
      { umask: 0o027, shown: "0027\n" },
      { umask: 0o777, shown: "0777\n" },
      { umask: 0, shown: "0000\n" },
      { umask: undefined, shown: "0031\n" },
    ]
  ) {
    const through = after("umask 031");
    const { stdout } = await runLauncher(folder.path, { ...shell("umask"), umask }, { through });
    assert.equal(stdout, shown);
  }
});

Deno.test("a launcher sets the niceness whatever it was, or leaves it as it is", async () => {
  using folder = temporaryFolder();
  const through = ["nice", "-n", "3"];
  const program = "/usr/bin/nice";
  const inherited = await runLauncher(folder.path, { program, niceness: undefined });
  const raised = await runLauncher(folder.path, { program, niceness: undefined }, { through });
  assert.equal(Number(raised.stdout), Math.min(19, Number(inherited.stdout) + 3));
  for (const niceness of [Number(raised.stdout), 19]) {
    const { stdout } = await runLauncher(folder.path, { program, niceness }, { through });
    assert.equal(stdout, `${niceness}\n`);
  }
});

Deno.test("a launcher that may not set the niceness reports 400 + errno and starts nothing", async () => {
  using folder = temporaryFolder();
  const through = [...boundByModes, "prlimit", "--nice=0", "nice", "-n", "19"];
  const started = { ...shell("echo started"), word: "word" };
  for (const niceness of [-20, -1, 0]) {
    const { code, stdout, stderr } = await runLauncher(folder.path, { ...started, niceness }, {
      through,
    });
    assert.deepEqual([code, stdout, stderr], [126, "", "word 413\n"], `${niceness}`);
  }
});

/** What /proc calls the limits. */
const titles: Readonly<Record<LimitedResource, string>> = {
  cpu: "Max cpu time",
  fileSize: "Max file size",
  openFiles: "Max open files",
  memory: "Max address space",
};

/** The soft and hard limits that a launcher's command sees, after what `before` has set. */
async function limitsAfter(folder: string, before: string, limits: readonly Limit[]) {
  const { stdout } = await runLauncher(
    folder,
    { program: "/bin/cat", args: ["/proc/self/limits"], limits },
    { through: after(before), env: path },
  );
  return (resource: LimitedResource) => {
    const line = stdout.split("\n").find((line) => line.startsWith(titles[resource])) ?? "";
    return line.slice(titles[resource].length).trim().split(/ +/).slice(0, 2).join(" ");
  };
}

Deno.test("a launcher sets soft and hard limits of each resource, and no others", async () => {
  using folder = temporaryFolder();
  const [tera, giga] = [2 ** 40, 2 ** 30];
  const none = await limitsAfter(folder.path, "", []);
  const set = await limitsAfter(folder.path, "", [
    { resource: "memory", soft: giga, hard: tera },
    { resource: "cpu", soft: 100, hard: 101 },
    { resource: "fileSize", soft: 0, hard: tera },
    { resource: "openFiles", soft: 60, hard: 61 },
  ]);
  assert.deepEqual(
    (["memory", "cpu", "fileSize", "openFiles"] as const).map(set),
    [`${giga} ${tera}`, "100 101", `0 ${tera}`, "60 61"],
  );
  const one = await limitsAfter(folder.path, "", [{ resource: "cpu", soft: 9, hard: 9 }]);
  assert.equal(one("cpu"), "9 9");
  for (const resource of ["memory", "fileSize", "openFiles"] as const) {
    assert.equal(one(resource), none(resource));
  }
});

Deno.test("a launcher never raises a hard limit, and keeps the soft limit within it", async () => {
  using folder = temporaryFolder();
  for (
    const { before, soft, hard, becomes } of [
      // Root could raise it.
      { before: "ulimit -n 200; ulimit -Sn 50", soft: 300, hard: 400, becomes: "200 200" },
      { before: "ulimit -n 200; ulimit -Sn 50", soft: 100, hard: 400, becomes: "100 200" },
      { before: "ulimit -n 200; ulimit -Sn 150", soft: 300, hard: 100, becomes: "100 100" },
      { before: "ulimit -n 200", soft: 100, hard: undefined, becomes: "100 200" },
      { before: "ulimit -n 200; ulimit -Sn 50", soft: 100, hard: undefined, becomes: "100 200" },
      { before: "ulimit -n 200", soft: 200, hard: undefined, becomes: "200 200" },
      { before: "ulimit -n 200", soft: 1024, hard: undefined, becomes: "200 200" },
      { before: "ulimit -n 200; ulimit -Sn 50", soft: 200, hard: 200, becomes: "200 200" },
    ]
  ) {
    const limits: Limit[] = [{ resource: "openFiles", soft, hard }];
    const after = await limitsAfter(folder.path, before, limits);
    assert.equal(after("openFiles"), becomes, `${before}; ${soft}, ${hard}`);
  }
  const untouched = await limitsAfter(folder.path, "ulimit -n 200; ulimit -Sn 50", []);
  assert.equal(untouched("openFiles"), "50 200");
  const unlimited = await limitsAfter(folder.path, "", [
    { resource: "cpu", soft: 2 ** 40, hard: undefined },
  ]);
  assert.equal(unlimited("cpu"), `${2 ** 40} unlimited`);
});

Deno.test("a launcher's limit of processor time ends a busy command with SIGXCPU", async () => {
  using folder = temporaryFolder();
  const limits: Limit[] = [{ resource: "cpu", soft: 1, hard: 10 }];
  const { code } = await runLauncher(folder.path, { ...shell("while :; do :; done"), limits });
  const sigxcpu = 24;
  assert.equal(code, 128 + sigxcpu);
});

Deno.test("a launcher's limit of file sizes ends a command that writes more", async () => {
  using folder = temporaryFolder();
  const limits: Limit[] = [{ resource: "fileSize", soft: 1000, hard: 1000 }];
  const dd = {
    program: "/bin/dd",
    args: ["if=/dev/zero", `of=${folder.path}/file`, "bs=3000", "count=1", "status=none"],
  };
  const { code } = await runLauncher(folder.path, { ...dd, limits });
  assert.notEqual(code, 0);
  assert.equal(Deno.statSync(`${folder.path}/file`).size, 1000);
});

Deno.test("a launcher's limit of open files does not keep it from emptying the standard input", async () => {
  using folder = temporaryFolder();
  // The program is a launcher too: it needs no file to be loaded, and raises the limit after it could not open any.
  const program = writeLauncher(folder.path, {
    program: "/bin/readlink",
    args: ["/proc/self/fd/0"],
    limits: [{ resource: "openFiles", soft: 100, hard: undefined }],
  });
  const { stdout } = await runLauncher(folder.path, {
    program,
    limits: [{ resource: "openFiles", soft: 0, hard: undefined }],
  }, { stdin: "data of the caller" });
  assert.equal(stdout, "/dev/null\n");
});
