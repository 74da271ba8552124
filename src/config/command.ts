/**
 * From `JOBRUNNER_CMD`, or what follows `--`, to a program and its arguments. No shell is involved.
 *
 * @module
 */

import { posix, win32 } from "node:path";
import { join as joinQuoted, split as splitQuoted } from "shlex";
import type { CommandLine, Values } from "./sources.ts";

/** What lies at a path. */
export type FileKind = "executable" | "file" | "folder" | "missing";

/** What looking up a program needs to know of the machine. */
export interface ProgramLookup {
  /** Name of the operating system, as `Deno.build.os` gives it. */
  readonly os: string;
  /** Absolute path of the working directory. */
  readonly cwd: string;
  /** The search path, and on Windows the endings of executables. */
  readonly env: Readonly<Record<string, string>>;
  /** Says what lies at an absolute path. */
  fileKind(path: string): FileKind;
}

/** A command, ready to be run. */
export interface Command {
  /** The whole command, as the command itself sees it in `JOBRUNNER_CMD`. */
  readonly text: string;
  /** The program as it was named. */
  readonly name: string;
  /** Its absolute path. */
  readonly program: string;
  /** Arguments. */
  readonly args: readonly string[];
  /** Whether an executable file was there at start. */
  readonly found: boolean;
}

/** A command, or why there is none. */
export type CommandResult =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly reason: string };

/** The command of `jobrunner serve`; undefined after a fault. */
export function readCommand(
  values: Values,
  { program }: CommandLine,
  lookup: ProgramLookup,
): Command | undefined {
  if (program) {
    const result = commandOf(program, lookup);
    if (result.ok) return result.command;
    values.faults.push(
      `--: must be followed by a program and its arguments (${result.reason}): jobrunner serve -- PROGRAM ARG…`,
    );
    return undefined;
  }
  const text = values.text("JOBRUNNER_CMD");
  if (text.trim() === "") {
    values.faults.push(
      "JOBRUNNER_CMD=: must be a program and its arguments (or use --cmd, or jobrunner serve -- PROGRAM ARG…)",
    );
    return undefined;
  }
  const result = parseCommand(text, lookup);
  return result.ok ? result.command : values.fault("JOBRUNNER_CMD", result.reason);
}

/** A value in shell quoting, or one that as a whole names an executable. */
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

/** A program and arguments that are already apart. */
export function commandOf(words: readonly string[], lookup: ProgramLookup): CommandResult {
  const [name = "", ...args] = words;
  if (name === "") return { ok: false, reason: "the program has no name" };
  const found = findProgram(name, lookup);
  if (!found) return { ok: false, reason: `${name} was not found on PATH` };
  return { ok: true, command: { text: joinQuoted([...words]), name, args, ...found } };
}

/**
 * Splits shell quoting. On Windows a backslash is literal, since paths are full of them: it is carried through the
 * splitter as a character that no environment variable can hold.
 */
function splitWords(text: string, os: string): string[] {
  if (os !== "windows") return splitQuoted(text);
  return splitQuoted(text.replaceAll("\\", "\0")).map((word) => word.replaceAll("\0", "\\"));
}

/** Undefined for a bare name that PATH does not find: it has no path that the sandbox could be granted. */
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
