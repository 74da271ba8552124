/**
 * Programs of interpreters that this machine has, and their adapters of `contrib/warm`.
 *
 * @module
 */

import { join } from "node:path";
import { thisCheckout } from "./checkout.ts";
import { outputOf } from "./command.ts";
import { BenchFailure } from "./failure.ts";
import { quoted } from "./script.ts";

/**
 * How a job gets its process: started for it, a new one that was started before it, a fork of one that
 * was, or the same one as the job before.
 */
export type Way = "cold" | "gate" | "fork" | "keep";

/** A program, which echoes its payload through the response file. */
export interface Interpreted {
  /** Its name in `results.json`. */
  readonly name: string;
  /** Its name for people. */
  readonly label: string;
  /** The commands that run it. */
  readonly commands: Readonly<Partial<Record<Way, string>>>;
}

/** The programs that can run, and one sentence for each that cannot. */
export interface Found {
  /** Those that can. */
  readonly programs: readonly Interpreted[];
  /** Why others cannot. */
  readonly missing: readonly string[];
}

const python = "/usr/bin/python3";

/** Modules of Python's own that a service might load. */
const modules = ["decimal", "json", "xml.etree.ElementTree"];

/** Writes programs for Python and Octave into a folder. */
export async function findInterpreters(folder: string, signal: AbortSignal): Promise<Found> {
  const programs: Interpreted[] = [];
  const missing: string[] = [];
  if (await runs(python, ["-c", ""], signal)) {
    const hasNumpy = await runs(python, ["-c", "import numpy"], signal);
    if (!hasNumpy) missing.push(`numpy with adapters: ${python} does not have it`);
    programs.push(pythonIn(folder, hasNumpy ? [...modules, "numpy"] : modules));
  } else missing.push(`adapters of Python: ${python} does not run`);
  if (await runs("octave-cli", ["--eval", ""], signal)) programs.push(octaveIn(folder));
  else missing.push("adapters of Octave: octave-cli does not run");
  return { programs, missing };
}

function pythonIn(folder: string, imported: readonly string[]): Interpreted {
  const script = join(folder, "job.py");
  Deno.writeTextFileSync(
    script,
    `import os, ${imported.join(", ")}
with open(os.environ["JOBRUNNER_REQUEST_DATA_FN"], "rb") as request:
    data = request.read()
with open(os.environ["JOBRUNNER_RESPONSE_DATA_FN"], "wb") as response:
    response.write(data)
`,
  );
  const through = (adapter: string) =>
    words([python, adapterFile(adapter), imported.join(","), script]);
  return {
    name: "python",
    label: imported.includes("numpy") ? "Python, numpy" : "Python",
    commands: {
      cold: words([python, script]),
      gate: through("gate.py"),
      fork: through("fork.py"),
      keep: through("keep.py"),
    },
  };
}

function octaveIn(folder: string): Interpreted {
  const script = join(folder, "job.m");
  Deno.writeTextFileSync(
    script,
    `data = fileread (getenv ("JOBRUNNER_REQUEST_DATA_FN"));
response = fopen (getenv ("JOBRUNNER_RESPONSE_DATA_FN"), "w");
fwrite (response, data);
fclose (response);
`,
  );
  const through = (adapter: string) => words(["octave-cli", adapterFile(adapter), script]);
  return {
    name: "octave",
    label: "Octave",
    commands: {
      cold: words(["octave-cli", script]),
      gate: through("gate.m"),
      keep: through("keep.m"),
    },
  };
}

function adapterFile(name: string): string {
  return join(thisCheckout, "contrib/warm", name);
}

function words(command: readonly string[]): string {
  return command.map(quoted).join(" ");
}

/** Whether a program is there and exits with 0. */
async function runs(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await outputOf(program, args, signal);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Deno.errors.NotFound || error instanceof BenchFailure) return false;
    throw error;
  }
}
