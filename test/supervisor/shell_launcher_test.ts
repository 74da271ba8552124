import assert from "node:assert/strict";
import { launcherForm } from "../../src/supervisor/launchers.ts";
import { makeShellLauncher } from "../../src/supervisor/shell_launcher.ts";
import { temporaryFolder } from "../support/folder.ts";

/** Runs a launcher of a program and its arguments. */
function launched(program: string, args: readonly string[] = []) {
  using folder = temporaryFolder();
  const path = `${folder.path}/launcher`;
  Deno.writeTextFileSync(path, makeShellLauncher({ program, args, word: "it's-word" }), {
    mode: 0o500,
  });
  const { code, stdout, stderr } = new Deno.Command(path, {
    args: ["of the caller"],
    clearEnv: true,
    env: { GIVEN: "by the caller" },
    cwd: "/",
  }).outputSync();
  const decoder = new TextDecoder();
  return [code, decoder.decode(stdout), decoder.decode(stderr)];
}

Deno.test("makeShellLauncher() runs the program with exactly its arguments, and the caller's variables", () => {
  const words = ["it's", "a b", '"$HOME"', "`date`", "-n", "\\", "", "two\nlines", "*"];
  const shown = words.map((word) => `<${word}>`).join("");
  assert.deepEqual(launched("/bin/sh", ["-c", 'printf "<%s>" "$@"', "sh", ...words]), [
    0,
    shown,
    "",
  ]);
  assert.deepEqual(launched("/bin/sh", ["-c", 'echo "$GIVEN"; pwd']), [
    0,
    "by the caller\n/\n",
    "",
  ]);
});

Deno.test("makeShellLauncher() reports a program that is missing or not an executable file", () => {
  assert.deepEqual(launched("/no/such program"), [127, "", "it's-word 002\n"]);
  assert.deepEqual(launched("/etc/passwd"), [126, "", "it's-word 013\n"]);
  assert.deepEqual(launched("/bin"), [126, "", "it's-word 013\n"]);
});

Deno.test("launcherForm() is a program on Linux, a script on macOS, and nothing on Windows", () => {
  assert.equal(launcherForm({ os: "linux", arch: "x86_64" })?.holdsAll, true);
  assert.equal(launcherForm({ os: "linux", arch: "aarch64" })?.holdsAll, true);
  assert.equal(launcherForm({ os: "darwin", arch: "aarch64" })?.holdsAll, false);
  assert.equal(launcherForm({ os: "windows", arch: "x86_64" }), undefined);
});
