/**
 * From the start of the program to the line “listening on …”.
 *
 * @module
 */

import { thisCheckout } from "../checkout.ts";
import { BenchFailure } from "../failure.ts";
import { figure } from "../figure.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { serveCommand, serverEnvironment } from "../server.ts";

const binary = `${thisCheckout}bin/jobrunner`;

/** A program that has not exited by then is killed. */
const timeoutMs = 60_000;

/** `start`. */
export const starts: Scenario = {
  name: "start",
  async run(bench) {
    const [deno = "", ...serve] = serveCommand();
    const source = await measure(bench, deno, serve);
    const isBuilt = await Deno.stat(binary).then(({ isFile }) => isFile, () => false);
    const built = isBuilt ? await measure(bench, binary, ["serve"]) : [];
    return {
      setup: `from the start of the process to “listening on …”, ${bench.settings.starts} times`,
      figures: [
        ...figure(
          {
            name: "sourceMs",
            label: "source, warm cache, ms",
            digits: 0,
            goal: { atMost: 200 },
          },
          source,
        ),
        ...figure(
          { name: "binaryMs", label: "binary, ms", digits: 0, goal: { atMost: 150 } },
          built,
        ),
      ],
      leftOut: isBuilt ? [] : ["the start of the binary: bin/jobrunner was not built"],
      details: { source, binary: built },
    };
  },
};

/** Milliseconds of each start. One more comes first: it may have to fill the caches. */
async function measure(
  bench: Bench,
  program: string,
  args: readonly string[],
): Promise<number[]> {
  const values: number[] = [];
  for (let time = 0; time <= bench.settings.starts; time++) {
    const milliseconds = await startOnce(bench, program, args);
    if (time > 0) values.push(milliseconds);
  }
  return values;
}

async function startOnce(
  { settings, program: command, folder, signal }: Bench,
  program: string,
  args: readonly string[],
): Promise<number> {
  signal.throwIfAborted();
  const startedAt = performance.now();
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: thisCheckout,
    clearEnv: true,
    env: serverEnvironment({ command, workers: settings.workers, queueLimit: 1, folder }),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
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
  signal.throwIfAborted();
  if (milliseconds === undefined) throw new BenchFailure(`${program} did not start: ${said}`);
  return milliseconds;
}
