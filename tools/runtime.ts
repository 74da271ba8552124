/**
 * Provides a runtime without Deno's download server: from a pinned npm package, byte for byte what was pinned.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { BuildFailure } from "./build_failure.ts";
import { runCommand } from "./command.ts";
import type { Runtime } from "./targets.ts";

/** Fetches the runtime's file of a package into a folder, and returns its path. Throws a `BuildFailure` when that is not possible. */
export type FetchFile = (runtime: Runtime, folder: string) => Promise<string>;

/** Path of the runtime in `folder`, fetched if it is missing. Throws a `BuildFailure` if it is not the pinned one. */
export async function provideRuntime(
  runtime: Runtime,
  folder: string,
  fetchFile: FetchFile = fetchFromNpm,
): Promise<string> {
  const path = `${folder}/denort-${runtime.sha256.slice(0, 16)}`;
  if (sha256Of(path) === runtime.sha256) return path;
  Deno.mkdirSync(folder, { recursive: true });
  using temporary = temporaryFolderIn(folder);
  const fetched = await fetchFile(runtime, temporary.path);
  if (runtime.bytes !== undefined) Deno.truncateSync(fetched, runtime.bytes);
  const sha256 = sha256Of(fetched);
  if (sha256 !== runtime.sha256) {
    throw new BuildFailure(
      `${runtime.package}@${runtime.version}: must hold a runtime with the SHA-256 ${runtime.sha256}, but it has ${sha256}`,
    );
  }
  Deno.chmodSync(fetched, 0o755);
  Deno.renameSync(fetched, path);
  return path;
}

async function fetchFromNpm(runtime: Runtime, folder: string): Promise<string> {
  const name = `${runtime.package}@${runtime.version}`;
  const packed = await runCommand("npm", ["pack", name, "--silent", "--pack-destination", folder]);
  const [archive] = [...Deno.readDirSync(folder)].map((entry) => entry.name);
  if (!packed.ok || !archive) throw new BuildFailure(`${name}: must be available from npm`);
  const unpacked = await runCommand("tar", ["-xzf", archive], { cwd: folder });
  if (!unpacked.ok) throw new BuildFailure(`${name}: must be an archive that tar can read`);
  return `${folder}/package/${runtime.path}`;
}

function sha256Of(path: string): string | undefined {
  try {
    return createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function temporaryFolderIn(folder: string): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ dir: folder });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
