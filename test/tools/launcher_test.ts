import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

/** Runs the check with only these programs on PATH; each writes a line into the file of its last argument. */
async function check(...programs: readonly string[]) {
  using folder = temporaryFolder();
  for (const name of programs) {
    const script =
      '#!/bin/sh\nfor last; do :; done\ncase "$last" in *.S) ;; *) echo other >"$last" ;; esac\n';
    Deno.writeTextFileSync(`${folder.path}/${name}`, script, { mode: 0o700 });
  }
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${projectRoot}tools/launcher.ts`, "--check"],
    cwd: projectRoot,
    env: { NO_COLOR: "1", PATH: folder.path },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("tools/launcher.ts --check names a missing tool and its Debian package in one line", async () => {
  const lines = [
    { programs: [], line: /^gcc: must be installed \(Debian's package gcc\)[^\n]*\n$/ },
    {
      programs: ["gcc"],
      line:
        /^x86_64-linux-gnu-as: must be installed \(Debian's package binutils-x86-64-linux-gnu\)[^\n]*\n$/,
    },
    {
      programs: ["gcc", "x86_64-linux-gnu-as", "x86_64-linux-gnu-objcopy"],
      line:
        /^aarch64-linux-gnu-as: must be installed \(Debian's package binutils-aarch64-linux-gnu\)[^\n]*\n$/,
    },
  ];
  for (const { programs, line } of lines) {
    const { code, stderr } = await check(...programs);
    assert.equal(code, 1);
    assert.match(stderr, line);
  }
});

Deno.test("tools/launcher.ts --check fails when launcher_code.ts does not match the source", async () => {
  const prefixes = ["x86_64", "aarch64"].map((arch) => `${arch}-linux-gnu-`);
  const tools = prefixes.flatMap((prefix) => [`${prefix}as`, `${prefix}objcopy`]);
  assert.deepEqual(await check("gcc", ...tools), {
    code: 1,
    stderr:
      "src/supervisor/launcher_code.ts: must hold what tools/launcher/launcher.S makes: run make launcher\n",
  });
});
