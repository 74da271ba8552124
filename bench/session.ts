/**
 * What every measurement needs: a folder, the machine's floor, and a listener for interruption.
 *
 * @module
 */

import { join } from "node:path";
import { BenchFailure } from "./failure.ts";
import { compileFloor } from "./floor.ts";
import { temporaryFolder } from "./folder.ts";
import { listenForInterruption } from "./interruption.ts";
import type { Bench } from "./scenario.ts";
import type { Settings } from "./settings.ts";

/** Hands out what scenarios need. Disposing of it removes every file. */
export interface Session extends Disposable {
  /** Absolute path of the cheapest command there is. */
  readonly program: string;
  /** Why there is no floor; undefined when there is one. */
  readonly floorMissing: string | undefined;
  /** Aborts when the benchmark is to end early. */
  readonly signal: AbortSignal;
  /** Everything for the scenario of that name, in a folder of its own. */
  benchOf(name: string): Bench;
}

/** Compiles the floor and begins to listen for interruption. */
export async function openSession(settings: Settings): Promise<Session> {
  if (Deno.build.os === "windows") {
    throw new BenchFailure("the benchmark needs a POSIX system: a shell and the command true");
  }
  const program = await theCommandTrue();
  using resources = new DisposableStack();
  const { signal } = resources.use(listenForInterruption());
  const folder = resources.use(temporaryFolder());
  const floor = await compileFloor({ folder: folder.path, program }, signal);
  const kept = resources.move();
  return {
    program,
    floorMissing: "missing" in floor ? floor.missing : undefined,
    signal,
    benchOf(name) {
      const own = join(folder.path, name);
      Deno.mkdirSync(own);
      return {
        settings,
        program,
        folder: own,
        floor: "measure" in floor ? floor.measure : undefined,
        signal,
        // To standard error, so that standard output is the table alone.
        say: (sentence) => console.error(`${name}: ${sentence}`),
      };
    },
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** The path of `true`, which macOS has in `/usr/bin` only. */
async function theCommandTrue(): Promise<string> {
  for (const path of ["/bin/true", "/usr/bin/true"]) {
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new BenchFailure("there is no /bin/true and no /usr/bin/true to run as a job");
}
