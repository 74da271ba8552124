/**
 * `.githooks/pre-commit` at real commits, in a small repository with our hook, configuration and lint plugin.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

const copied = [
  ...[".githooks/pre-commit", "Makefile", "deno.json", "deno.lock"],
  ...["tools/deno.sh", "tools/deno.sums"],
  ...[...Deno.readDirSync(`${projectRoot}tools/rooms`)].map(({ name }) => `tools/rooms/${name}`),
];

const formatted = "export const a = 1;\n";
const unformatted = "export  const a = 1\n";
/** No room but some may do this. */
const beyondItsRoom = "Deno.kill(1);\n";

/** A repository whose hook `make hooks` has put to work. */
async function repository() {
  const folder = temporaryFolder();
  const path = `${folder.path}/project`;
  const bin = `${folder.path}/bin`;
  for (const name of [".githooks", "tools/rooms", "src/async"]) {
    Deno.mkdirSync(`${path}/${name}`, { recursive: true });
  }
  for (const name of copied) Deno.copyFileSync(`${projectRoot}${name}`, `${path}/${name}`);
  Deno.mkdirSync(bin);
  // Which tools/deno.sh finds first.
  Deno.symlinkSync(Deno.execPath(), `${bin}/deno`);
  const run = async (program: string, ...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd: path,
      env: {
        PATH: `${bin}:${Deno.env.get("PATH") ?? ""}`,
        NO_COLOR: "1",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_AUTHOR_NAME: "Test",
        GIT_AUTHOR_EMAIL: "test@example.com",
        GIT_COMMITTER_NAME: "Test",
        GIT_COMMITTER_EMAIL: "test@example.com",
      },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  };
  const git = async (...args: string[]) => {
    const { code, stdout, stderr } = await run("git", ...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  await git("init", "--quiet");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "Before the hook");
  assert.equal((await run("make", "hooks")).code, 0);
  return {
    [Symbol.dispose]: () => folder[Symbol.dispose](),
    write: (name: string, text: string) => Deno.writeTextFileSync(`${path}/${name}`, text),
    git,
    /** Resolves with what the hook says, or with nothing when the commit was made. */
    async commit(...args: string[]) {
      const { code, stderr } = await run("git", "commit", "--quiet", "--message", "x", ...args);
      assert.equal(code === 0, stderr === "", stderr);
      return stderr;
    },
  };
}

Deno.test("the hook lets a commit of formatted files pass, also of none, or of none that Deno formats", async () => {
  using project = await repository();
  project.write("src/async/a file.ts", formatted);
  project.write("notes.txt", " as\n  it  is");
  await project.git("add", ".");
  assert.equal(await project.commit(), "");
  project.write("notes.txt", "other");
  assert.equal(await project.commit("--all"), "");
  await project.git("rm", "--quiet", "src/async/a file.ts");
  assert.equal(await project.commit(), "");
  assert.equal(await project.commit("--allow-empty"), "");
});

Deno.test("the hook refuses what is not formatted or breaks a rule, and says what to do", async () => {
  using project = await repository();
  const end = "git add the files, then commit again\n";
  project.write("src/async/a file.ts", unformatted);
  await project.git("add", ".");
  const format = await project.commit();
  assert.match(format, /^from src\/async\/a file\.ts:$/m);
  assert.ok(format.endsWith(`pre-commit: nothing was committed: run make fmt, ${end}`), format);

  project.write("src/async/a file.ts", beyondItsRoom);
  await project.git("add", ".");
  const lint = await project.commit();
  assert.match(lint, /async\/a file\.ts may not name Deno\.kill$/m);
  const fix = "fix what deno lint names above";
  assert.ok(lint.endsWith(`\npre-commit: nothing was committed: ${fix}, ${end}`), lint);

  project.write("README.md", "#  Title\n");
  await project.git("add", ".");
  const both = await project.commit();
  assert.ok(both.endsWith(`: nothing was committed: run make fmt and ${fix}, ${end}`), both);
  assert.equal(await project.git("log", "--format=%s"), "Before the hook\n");
});

Deno.test("the hook looks at what is staged, not at what lies in the folder", async () => {
  using project = await repository();
  project.write("src/async/a.ts", formatted);
  await project.git("add", ".");
  project.write("src/async/a.ts", unformatted);
  assert.equal(await project.commit(), "");
  await project.git("add", ".");
  project.write("src/async/a.ts", formatted);
  assert.match(await project.commit(), /run make fmt/);
  // Only that file's own text counts for a commit of it.
  assert.equal(await project.commit("--allow-empty", "--", "src/async/a.ts"), "");
});
