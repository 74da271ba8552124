/**
 * The program with named commands, from a configuration file.
 *
 * @module
 */

import { temporaryFolder } from "./folder.ts";
import {
  type Exit,
  fixture,
  type Program,
  type ProgramOptions,
  runProgram,
  startProgram,
} from "./program.ts";

/** The line `cmd` of a command that runs each payload as a shell script. */
export const shellCmd: string = `cmd = ${JSON.stringify(fixture("run_payload.sh"))}`;

/** The table of a command with these lines that runs each payload as a shell script. */
export function shellTable(name: string, lines = ""): string {
  return `[commands.${name}]\n${shellCmd}\n${lines}\n`;
}

/** A TOML string with this text. */
export function tomlString(text: string): string {
  return JSON.stringify(text);
}

/** Writes a configuration file into a folder and returns the variable that names it. */
export function configFileIn(folder: string, toml: string): { JOBRUNNER_CONFIG_FILE: string } {
  const path = `${folder}/jobrunner.toml`;
  Deno.writeTextFileSync(path, toml);
  return { JOBRUNNER_CONFIG_FILE: path };
}

/** Starts the program with a configuration file, which lies in a folder of its own until the program is disposed of. */
export async function startNamed(
  toml: string,
  { env = {}, ...options }: ProgramOptions = {},
): Promise<Program> {
  const folder = temporaryFolder();
  try {
    const file = configFileIn(folder.path, toml);
    const program = await startProgram({ ...options, env: { ...file, ...env } });
    return {
      ...program,
      async [Symbol.asyncDispose]() {
        await program[Symbol.asyncDispose]();
        folder[Symbol.dispose]();
      },
    };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/** Runs the program with such a file to its end. */
export async function runNamed(
  toml: string,
  { env = {}, ...options }: ProgramOptions = {},
): Promise<Exit> {
  using folder = temporaryFolder();
  return await runProgram({ ...options, env: { ...configFileIn(folder.path, toml), ...env } });
}

/** Three commands that share the only worker of the pool `office`, and the default command `solo`, whose pool is its own. */
export function fourCommands(places = 50): string {
  return `
  default_command = "solo"
  [commands.first]
  ${shellCmd}
  description = "the first of three"
  pool = "office"
  [commands.second]
  ${shellCmd}
  pool = "office"
  [commands.third]
  ${shellCmd}
  pool = "office"
  [commands.solo]
  ${shellCmd}
  num_workers = 3
  queue_limit = 0
  [pools.office]
  num_workers = 1
  queue_limit = ${places}
`;
}
