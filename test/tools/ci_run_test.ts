/**
 * `.ci/run` on a machine made of a PATH: make and apt-get are stand-ins, so nothing is tested and nothing installed.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

/** Beside bash; all that `.ci/run` itself needs. */
const tools = "dirname mktemp rm tee sed head awk grep cat tail".split(" ");

/** What a goal's stand-in does: a report of its tests, or nothing, and an exit status. */
interface Goal {
  readonly tests?: number;
  readonly failures?: number;
  readonly skipped?: boolean;
  readonly status?: number;
}

/** As `deno test --junit-path` writes it. */
function reportOf({ tests = 0, failures = 0, skipped = false }: Goal): string {
  const failed = failures > 0
    ? '<testcase name="breaks">\n<failure message="Uncaught Error: no\nat breaks">…</failure>\n</testcase>'
    : "";
  return `<testsuites name="deno test" tests="${tests}" failures="${failures}" errors="0" time="1">
${failed}
${skipped ? '<testcase name="later"><skipped/></testcase>' : ""}
</testsuites>
`;
}

/** Runs `.ci/run` where each goal of make passes 10 tests unless it is said otherwise. */
async function ciRun(
  goals: Readonly<Record<string, Goal>> = {},
  programs: Readonly<Record<string, string>> = {},
) {
  using folder = temporaryFolder();
  const { path } = folder;
  for (const name of ["bin", "goals", "project", "project/.ci"]) Deno.mkdirSync(`${path}/${name}`);
  const whereIs = (name: string) => {
    const { stdout } = new Deno.Command("sh", { args: ["-c", `command -v ${name}`] }).outputSync();
    return new TextDecoder().decode(stdout).trim();
  };
  for (const name of tools) Deno.symlinkSync(whereIs(name), `${path}/bin/${name}`);
  const install = (name: string, script: string) =>
    Deno.writeTextFileSync(`${path}/bin/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  for (const [name, goal] of Object.entries(goals)) {
    Deno.writeTextFileSync(`${path}/goals/${name}`, `exit ${goal.status ?? 0}\n`);
    if (goal.tests !== undefined) {
      Deno.writeTextFileSync(`${path}/goals/${name}.xml`, reportOf(goal));
    }
  }
  Deno.writeTextFileSync(`${path}/goals/passing`, reportOf({ tests: 10 }));
  install(
    "make",
    `for last; do :; done
case $last in TEST_FLAGS=--junit-path=*) report=\${last#*=*=} ;; *) report=/dev/null ;; esac
goals=${path}/goals
if [ ! -f "$goals/$1" ]; then cat "$goals/passing" >"$report"; exit 0; fi
if [ -f "$goals/$1.xml" ]; then cat "$goals/$1.xml" >"$report"; fi
. "$goals/$1"`,
  );
  install("apt-get", `echo "$*" >>${path}/apt`);
  for (const [name, script] of Object.entries(programs)) {
    install(name, script.replaceAll("$BIN", `${path}/bin`));
  }
  Deno.copyFileSync(`${projectRoot}.ci/run`, `${path}/project/.ci/run`);
  Deno.writeTextFileSync(`${path}/apt`, "");
  const { code, stdout } = await new Deno.Command(whereIs("bash"), {
    args: [`${path}/project/.ci/run`],
    clearEnv: true,
    env: { PATH: `${path}/bin` },
  }).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  return { code, lines, apt: Deno.readTextFileSync(`${path}/apt`).trimEnd().split("\n") };
}

Deno.test("`.ci/run` adds up what passed, shows each step's seconds, and ends with one line", async () => {
  const { code, lines } = await ciRun();
  assert.equal(code, 0, lines.join("\n"));
  assert.equal(lines.at(-1), "90 passed, 0 failed");
  assert.ok(lines.some((line) => /^== make test DENO_VERSION=\S+: \d+ s$/.test(line)));
  const rows = lines.slice(lines.indexOf("seconds") + 1, -1);
  for (const row of rows) assert.match(row, /^ +\d+ {2}\S/);
  const begun = lines.flatMap((line) => /^== (?!.*: \d+ s$)(.+)$/.exec(line)?.[1] ?? []);
  assert.deepEqual(rows.map((row) => row.replace(/^ +\d+ +/, "")), [...begun, "all"]);
});

Deno.test("`.ci/run` counts tests that fail, are skipped or did not run, and steps that fail", async () => {
  const { code, lines } = await ciRun({
    "test-e2e": { tests: 10, failures: 2, status: 2 },
    "test-arm64": { tests: 10, skipped: true },
    "test-binary": { status: 2 },
    soak: { tests: 0 },
    "test-windows": { tests: 10, status: 2 },
    check: { status: 2 },
  });
  assert.equal(code, 1);
  assert.equal(lines.at(-1), "68 passed, 8 failed");
  const all = lines.findIndex((line) => /^ +\d+ {2}all$/.test(line));
  assert.deepEqual(lines.slice(all + 1, -1), [
    "FAILED: end-to-end: breaks: Uncaught Error: no",
    "FAILED: binary ran no test",
    "FAILED: make test-binary exited with 2",
    "FAILED: arm64 skipped 1 tests",
    "FAILED: make test-windows exited with 2",
    "FAILED: soak ran no test",
    "FAILED: make check",
  ]);
});

Deno.test("`.ci/run` installs all that is missing by one update and two calls of apt-get, and names what is still missing", async () => {
  const { code, lines, apt } = await ciRun({}, { jq: "", soffice: "" });
  assert.equal(code, 0);
  const [update, withRecommended = "", withoutRecommended = "", ...more] = apt;
  assert.equal(update, "-y -qq update");
  assert.match(withRecommended, /^-y -qq install (?!.*\bjq\b).*\bnginx-light caddy\b/);
  assert.match(
    withoutRecommended,
    /^-y -qq install --no-install-recommends octave ffmpeg mono-runtime mono-mcs r-base-core /,
  );
  assert.deepEqual(more, []);
  assert.ok(lines.includes("still missing, so tests will fail: nginx"));
  assert.ok(!lines.includes("still missing, so tests will fail: jq"));
});

Deno.test("`.ci/run` shows why apt-get failed, and goes on", async () => {
  const { lines } = await ciRun({}, { "apt-get": 'echo "E: Unable to locate $2" >&2; exit 100' });
  assert.ok(lines.includes("E: Unable to locate -qq"));
  assert.ok(lines.includes("apt-get update failed"));
  assert.equal(lines.at(-1), "90 passed, 0 failed");
});
