/**
 * Turns `JOBRUNNER_CMD`, or the arguments after `--`, into a program and its arguments. No shell is involved.
 *
 * @module
 */

import { posix, win32 } from "node:path";
import { join as joinQuoted, split as splitQuoted } from "shlex";
import type { CommandLine, Values } from "./sources.ts";

/** The kind of file at a path. */
export type FileKind = "executable" | "file" | "folder" | "missing";

/** Facts about the machine that are needed to look up a program. */
export interface ProgramLookup {
  /** Name of the operating system, as `Deno.build.os` gives it. */
  readonly os: string;
  /** Absolute path of the working directory. */
  readonly cwd: string;
  /** Holds the search path and, on Windows, the extensions of executables. */
  readonly env: Readonly<Record<string, string>>;
  /** Returns the kind of file at an absolute path. */
  fileKind(path: string): FileKind;
}

/** A command that can be run. */
export interface Command {
  /** The whole command, as it is passed to the command in `JOBRUNNER_CMD`. */
  readonly text: string;
  /** The program as configured. */
  readonly name: string;
  /** Absolute path of the program. */
  readonly program: string;
  /** Arguments. */
  readonly args: readonly string[];
  /** Whether the path was an executable file at start. */
  readonly found: boolean;
}

/** A command, or the reason why there is none. */
export type CommandResult =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly reason: string };

/**
 * Reads the command of `jobrunner serve`; undefined after an error. With other commands it may be left out; `orElse` adds to the
 * sentence what else may be set.
 */
export function readCommand(
  values: Values,
  { program }: CommandLine,
  lookup: ProgramLookup,
  { optional = false, orElse = "" }: { readonly optional?: boolean; readonly orElse?: string } = {},
): Command | undefined {
  if (program) {
    const result = commandOf(program, lookup);
    if (result.ok) return result.command;
    values.errors.push(
      `--: must be followed by a program and its arguments (${result.reason}): jobrunner serve -- PROGRAM ARG…`,
    );
    return undefined;
  }
  const text = values.text("JOBRUNNER_CMD");
  if (text.trim() === "") {
    if (optional) return undefined;
    values.errors.push(
      `JOBRUNNER_CMD=: must be a program and its arguments (or use --cmd, or jobrunner serve -- PROGRAM ARG…${orElse})`,
    );
    return undefined;
  }
  const result = parseCommand(text, lookup);
  return result.ok ? result.command : values.addError("JOBRUNNER_CMD", result.reason);
}

/** Name of what sets the command: `JOBRUNNER_CMD`, `--cmd`, `--` or, in the configuration file, `cmd`; undefined without it. */
export function setterOfCommand(values: Values, { program }: CommandLine): string | undefined {
  if (program) return "--";
  return values.text("JOBRUNNER_CMD").trim() === "" ? undefined : values.label("JOBRUNNER_CMD");
}

/** Parses a value in shell quoting, or one that is itself the name or path of an executable. */
export function parseCommand(text: string, lookup: ProgramLookup): CommandResult {
  const whole = findProgram(text, lookup);
  if (whole?.found) return { ok: true, command: { text, name: text, args: [], ...whole } };
  let words: string[];
  try {
    words = splitWords(text, lookup.os);
  } catch {
    return { ok: false, reason: "a quote is not closed" };
  }
  const result = commandOf(words, lookup);
  return result.ok ? { ok: true, command: { ...result.command, text } } : result;
}

/** Makes a command from a program and arguments that are already separate. */
export function commandOf(words: readonly string[], lookup: ProgramLookup): CommandResult {
  const [name = "", ...args] = words;
  if (name === "") return { ok: false, reason: "the program has no name" };
  const found = findProgram(name, lookup);
  if (!found) return { ok: false, reason: `${name} was not found on PATH` };
  return { ok: true, command: { text: joinQuoted([...words]), name, args, ...found } };
}

/**
 * Splits shell quoting. On Windows a backslash is literal, since paths are full of them: the splitter gets a character in its
 * place that no environment variable can contain.
 */
function splitWords(text: string, os: string): string[] {
  if (os !== "windows") return splitQuoted(text);
  return splitQuoted(text.replaceAll("\\", "\0")).map((word) => word.replaceAll("\0", "\\"));
}

/** Looks up a program. Undefined for a bare name that is not on PATH: then there is no path to permit in the sandbox. */
function findProgram(
  name: string,
  lookup: ProgramLookup,
): Pick<Command, "program" | "found"> | undefined {
  const onWindows = lookup.os === "windows";
  const path = onWindows ? win32 : posix;
  const endings = onWindows
    ? ["", ...(lookup.env["PATHEXT"] ?? ".COM;.EXE;.BAT;.CMD").split(";")]
    : [""];
  const isBare = !name.includes("/") && !(onWindows && /[\\:]/.test(name));
  const folders = isBare
    ? (lookup.env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder))
    : [lookup.cwd];
  for (const folder of folders) {
    for (const ending of endings) {
      const program = path.resolve(folder, name + ending);
      if (lookup.fileKind(program) === "executable") return { program, found: true };
    }
  }
  return isBare ? undefined : { program: path.resolve(lookup.cwd, name), found: false };
}
