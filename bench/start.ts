/**
 * From the start of the program to the line “listening on …”.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { BenchFailure } from "./failure.ts";
import { neutral } from "./server.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** Milliseconds; `binary` is undefined when `bin/jobrunner` was not built. */
export interface Starts {
  /** Of `deno run main.ts`, its cache warm. */
  readonly source: Spread | undefined;
  /** Of the compiled program. */
  readonly binary: Spread | undefined;
}

const root = fileURLToPath(new URL("../", import.meta.url));
const binary = `${root}bin/jobrunner`;

/** Starts that are measured, after one that is not. */
const times = 7;

/** Starts and stops the program several times. */
export async function measureStarts(
  { program, folder }: { readonly program: string; readonly folder: string },
  signal: AbortSignal,
): Promise<Starts> {
  const measure = async (command: string, args: readonly string[]) => {
    const values: number[] = [];
    for (let time = 0; time <= times; time++) {
      signal.throwIfAborted();
      const milliseconds = await startOnce(command, args, { program, folder });
      if (time > 0) values.push(milliseconds);
    }
    return spreadOf(values);
  };
  const built = await Deno.stat(binary).then(({ isFile }) => isFile, () => false);
  return {
    source: await measure(Deno.execPath(), ["run", "-A", `${root}main.ts`, "serve"]),
    binary: built ? await measure(binary, ["serve"]) : undefined,
  };
}

async function startOnce(
  command: string,
  args: readonly string[],
  { program, folder }: { readonly program: string; readonly folder: string },
): Promise<number> {
  const startedAt = performance.now();
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: root,
    clearEnv: true,
    env: {
      ...neutral(Deno.env.toObject()),
      JOBRUNNER_CMD: program,
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_SPOOL_DIR: folder,
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  let milliseconds: number | undefined;
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (milliseconds !== undefined || !said.includes("listening on ")) continue;
    milliseconds = performance.now() - startedAt;
    child.kill("SIGTERM");
  }
  await child.status;
  if (milliseconds === undefined) throw new BenchFailure(`${command} did not start: ${said}`);
  return milliseconds;
}
