/**
 * Reads the configuration of `jobrunner serve`, as often as wanted.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ConfigResult, Surroundings } from "../config/config.ts";
import { readConfigFile, readTokensFile } from "../config/file/config_file.ts";
import { parseConfig } from "../config/parse.ts";
import type { CommandLine } from "../config/sources.ts";
import { beginningOf } from "../machine/file_beginning.ts";
import { messageOf } from "../telemetry/log.ts";
import { thisMachine } from "./surroundings.ts";

/** Digests of files by absolute path. */
export type Digests = ReadonlyMap<string, string>;

/** A configuration, or its errors, with the files that it was read from. */
export type ReadResult = ConfigResult & {
  /** What was read of each file; an empty text for what is not a regular file, or could not be read. */
  readonly files: Digests;
};

/** Reads the configuration. `fixed` are values of settings, by name, that a running server keeps. */
export type ReadConfig = (fixed?: ReadonlyMap<string, string>) => Promise<ReadResult>;

/** The most bytes of a file that count in its digest: more than any file of a configuration may have. */
const maxBytes = 2 ** 21;

/**
 * Makes a function that reads the configuration. Environment and command line are the same for each reading; the files are
 * read anew. A pipe can be read only once, so from the second reading on it is an error.
 */
export function createConfigReader(
  env: Readonly<Record<string, string>>,
  commandLine: CommandLine,
): ReadConfig {
  let isFirst = true;
  return async (fixed = new Map()) => {
    const again = !isFirst;
    isFirst = false;
    const files = new Map<string, string>();
    let here: Omit<Surroundings, "env">;
    try {
      here = thisMachine(env);
    } catch (error) {
      if (!again) throw error;
      const reason = `the server's working directory cannot be found: ${messageOf(error)}`;
      return { ok: false, errors: [reason], files };
    }
    const machine = {
      ...here,
      // A change of these files is not watched either.
      readAtStart: again ? undefined : here.readAtStart,
      readFile(path: string, bytes: number) {
        files.set(path, "");
        if (isPipe(path)) {
          if (again) throw new Error("it is not a regular file, which alone can be read again");
          return beginningOf(path, bytes);
        }
        const content = beginningOf(path, maxBytes);
        files.set(path, sha256(content));
        return content.subarray(0, bytes);
      },
    };
    const line = { ...commandLine, flags: new Map([...commandLine.flags, ...fixed]) };
    const file = await readConfigFile(env, line, machine);
    const tokens = await readTokensFile(env, line, machine, file);
    return { ...parseConfig(env, line, machine, file, tokens), files };
  };
}

/** The digest of a file as it is now; empty if it cannot be read, or is not a regular file. */
export function digestOf(path: string): string {
  try {
    return isPipe(path) ? "" : sha256(beginningOf(path, maxBytes));
  } catch {
    return "";
  }
}

/** Whether it is there, but not a regular file. */
function isPipe(path: string): boolean {
  try {
    return !Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
