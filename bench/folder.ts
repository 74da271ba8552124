/**
 * A folder for one benchmark.
 *
 * @module
 */

/** Makes an empty folder; disposing of it removes it with all that is in it. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ prefix: "jobrunner-bench-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
