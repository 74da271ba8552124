/**
 * A machine for the configuration to look at, made of plain data.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parse } from "smol-toml";
import type {
  CommandConfig,
  Config,
  ConfigResult,
  PoolConfig,
  ReadFile,
  Surroundings,
} from "../../src/config/config.ts";
import { type ConfigFile, parseConfigFile } from "../../src/config/file/config_file.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { parseCommandLine } from "../../src/config/sources.ts";

/** Its files and folders, by absolute path: a kind, or the content of a readable file. */
export type Disk = Readonly<
  Record<
    string,
    "executable" | "folder" | { readonly text: string } | {
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  >
>;

/** A Linux machine with `/bin/date` and a temp folder, and what else is put on its disk. */
export function machine(disk: Disk = {}, os = "linux"): Omit<Surroundings, "env"> {
  const nameOf = (path: string) => os === "windows" ? path.toLowerCase() : path;
  const all = new Map<string, Disk[string]>(
    Object.entries({ "/bin/date": "executable", "/tmp": "folder", ...disk } as Disk)
      .map(([path, entry]) => [nameOf(path), entry]),
  );
  const readFile: ReadFile = (path, bytes) => {
    const entry = all.get(nameOf(path));
    if (typeof entry !== "object") throw new Error("No such file");
    return ("bytes" in entry ? entry.bytes : new TextEncoder().encode(entry.text))
      .subarray(0, bytes);
  };
  return {
    os,
    cwd: os === "windows" ? "C:\\work" : "/work",
    tempDir: "/tmp",
    hasLauncher: os === "linux",
    nowMs: 0,
    stderrIsTerminal: false,
    hostName: "machine",
    undecodable: [],
    fileKind(path) {
      const entry = all.get(nameOf(path));
      return entry === undefined ? "missing" : typeof entry === "string" ? entry : "file";
    },
    realPath: (path) => path === "/run/shm" ? "/dev/shm" : path,
    readFile,
    readAtStart: readFile,
  };
}

/** What a configuration is made of, apart from the environment. */
interface Given {
  /** The arguments after `serve`. */
  readonly args?: readonly string[];
  /** What else is on the machine's disk. */
  readonly disk?: Disk;
  /** Text of the configuration file `jobrunner.toml`. */
  readonly toml?: string;
  /** Text of the tokens file `tokens.toml`. */
  readonly tokens?: string;
  /** Other facts about the machine. */
  readonly around?: Partial<Surroundings>;
}

/** What a configuration with a file is made of, apart from the text of the file. */
interface GivenWithFile extends Omit<Given, "toml"> {
  /** The environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Parses a configuration on such a machine. */
export function configure(
  env: Readonly<Record<string, string>>,
  { args = [], disk = {}, toml, tokens, around = {} }: Given = {},
): ConfigResult {
  const file = toml === undefined ? undefined : configFile(toml);
  const tokensFile = tokens === undefined
    ? undefined
    : parseConfigFile("tokens.toml", tokens, parse);
  return parseConfig(
    env,
    parseCommandLine(args),
    { ...machine(disk), ...around },
    file,
    tokensFile,
  );
}

/** A configuration file `jobrunner.toml` with this text. */
export function configFile(text: string): ConfigFile {
  return parseConfigFile("jobrunner.toml", text, parse);
}

/** A configuration with such a file; an error fails the test. */
export function configOfFile(toml: string, { env = {}, ...rest }: GivenWithFile = {}): Config {
  const result = configure(env, { ...rest, toml });
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

/** The errors of a configuration with such a file; one without any fails the test. */
export function errorsOfFile(
  toml: string,
  { env = {}, ...rest }: GivenWithFile = {},
): readonly string[] {
  const result = configure(env, { ...rest, toml });
  assert.ok(!result.ok, "the configuration was accepted");
  assert.notEqual(result.errors.length, 0);
  return result.errors;
}

/** The configuration; an error fails the test. */
export function configOf(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  disk: Disk = {},
): Config {
  const result = configure(env, { args, disk });
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

/** The only command of a configuration without a file. */
export function onlyCommandOf(...given: Parameters<typeof configOf>): CommandConfig {
  return configOf(...given).commands[0] as CommandConfig;
}

/** The only pool of a configuration without a file. */
export function onlyPoolOf(...given: Parameters<typeof configOf>): PoolConfig {
  return configOf(...given).pools[0] as PoolConfig;
}

/** The errors; a configuration without any fails the test. */
export function errorsOf(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  disk: Disk = {},
): readonly string[] {
  const errors = errorsOrNone(env, args, disk);
  assert.notEqual(errors.length, 0, "the configuration was accepted");
  return errors;
}

/** The errors, if there are any. */
export function errorsOrNone(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  disk: Disk = {},
): readonly string[] {
  const result = configure(env, { args, disk });
  return result.ok ? [] : result.errors;
}
