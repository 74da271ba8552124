/**
 * `tools/deno.sh` on machines made of a PATH. Nothing is fetched: npm is a stand-in that does what npm would.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

/** Runs a copy of the tool with only the given programs on PATH, beside the tools of POSIX. */
async function tool(programs: Readonly<Record<string, string>>, args: readonly string[]) {
  using folder = temporaryFolder();
  const { path } = folder;
  for (const name of ["bin", "project", "project/tools"]) Deno.mkdirSync(`${path}/${name}`);
  for (const name of ["sh", "sed", "sort", "head", "dirname", "mkdir", "chmod", "touch", "cat"]) {
    const { stdout } = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`] })
      .output();
    Deno.symlinkSync(new TextDecoder().decode(stdout).trim(), `${path}/bin/${name}`);
  }
  for (const [name, script] of Object.entries(programs)) {
    Deno.writeTextFileSync(`${path}/bin/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  Deno.copyFileSync(`${projectRoot}tools/deno.sh`, `${path}/project/tools/deno.sh`);
  const run = async () => {
    const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
      args: [`${path}/project/tools/deno.sh`, ...args],
      clearEnv: true,
      env: { PATH: `${path}/bin` },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim().replaceAll(path, "");
    return { code, stdout: text(stdout), stderr: text(stderr) };
  };
  return { first: await run(), second: await run() };
}

const deno = (version: string) => `echo "deno ${version} (stable, release)"`;
/** Makes what `npm install --prefix FOLDER … deno@VERSION` makes. */
const npm =
  'mkdir -p "$3/node_modules/@deno/linux-x64-glibc"; touch "$3/node_modules/@deno/linux-x64-glibc/deno"; for last; do :; done; echo "npm: $last" >&2';

Deno.test("a deno on PATH that is 2.7.11 or newer is used", async () => {
  for (const version of ["2.7.11", "2.9.6", "2.10.0", "3.0.0"]) {
    assert.deepEqual((await tool({ deno: deno(version) }, ["2.9.6"])).first, {
      code: 0,
      stdout: "/bin/deno",
      stderr: "",
    });
  }
});

Deno.test("an older one, or one that does not work, is not used: the pinned one comes from npm, once", async () => {
  for (
    const programs of [{ deno: deno("2.7.9") }, { deno: "exit 1" }, {}] as Record<string, string>[]
  ) {
    const { first, second } = await tool({ ...programs, npm }, ["2.9.6"]);
    const installed = "/project/.tools/deno-2.9.6/node_modules/@deno/linux-x64-glibc/deno";
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout, installed);
    assert.match(first.stderr, /npm: deno@2\.9\.6$/);
    assert.deepEqual(second, { code: 0, stdout: installed, stderr: "" });
  }
});

Deno.test("a version that is asked for is exactly that one", async () => {
  const { first } = await tool({ deno: deno("2.9.6"), npm }, ["2.9.6", "2.7.11"]);
  assert.match(first.stdout, /deno-2\.7\.11/);
  assert.equal(
    (await tool({ deno: deno("2.7.11") }, ["2.9.6", "2.7.11"])).first.stdout,
    "/bin/deno",
  );
});

Deno.test("without Deno and npm one line says how to get Deno", async () => {
  const { first } = await tool({}, ["2.9.6"]);
  assert.equal(first.code, 1);
  assert.equal(first.stdout, "");
  assert.match(first.stderr, /^There is no Deno 2\.7\.11 or newer here, .*: install Deno .*$/);
});
