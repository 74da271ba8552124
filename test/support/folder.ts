/**
 * A folder for one test, removed afterwards.
 *
 * @module
 */

/** Makes an empty folder under the temp folder; disposing of it removes it with all that is in it. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "jobrunner-test-" }));
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Waits until a file exists: fixtures report that way that they have started. */
export async function fileExists(path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const watcher = Deno.watchFs(folder);
  try {
    if (exists(path)) return;
    for await (const _event of watcher) {
      if (exists(path)) return;
    }
  } finally {
    try {
      watcher.close();
    } catch {
      // Leaving the loop closed it.
    }
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
