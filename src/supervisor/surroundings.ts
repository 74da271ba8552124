/**
 * What the configuration needs to know about the machine.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";
import { accessSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import type { Surroundings } from "../config/config.ts";
import { withheldSettings } from "../config/settings.ts";
import { beginningOf } from "../machine/file_beginning.ts";
import { hasLauncher } from "./launcher.ts";

/** This machine, as a process with this environment sees it now. */
export function thisMachine(env: Readonly<Record<string, string>>): Omit<Surroundings, "env"> {
  return {
    os: Deno.build.os,
    cwd: Deno.cwd(),
    tempDir: tmpdir(),
    hasLauncher: Deno.build.os === "linux" && hasLauncher(Deno.build.arch),
    nowMs: Date.now(),
    stderrIsTerminal: Deno.stderr.isTerminal(),
    fileKind,
    realPath,
    readFile: beginningOf,
    readAtStart: beginningOf,
    hostName: Deno.hostname(),
    undecodable: undecodableVariables(env),
  };
}

/**
 * Removes from this process's environment what no command may see: an attacker in control of the service could start a
 * command with all of it.
 */
export function forgetSecrets(): void {
  for (const name of withheldSettings) Deno.env.delete(name);
}

function fileKind(path: string): ReturnType<Surroundings["fileKind"]> {
  try {
    const info = Deno.statSync(path);
    if (info.isDirectory) return "folder";
    accessSync(path, constants.X_OK);
    return info.isFile ? "executable" : "file";
  } catch (error) {
    return (error as { code?: unknown }).code === "EACCES" ? "file" : "missing";
  }
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/**
 * Names of variables that the runtime silently dropped because they are not UTF-8. A password among them would
 * mean a server without one.
 */
export function undecodableVariables(env: Readonly<Record<string, string>>): string[] {
  if (Deno.build.os !== "linux") return [];
  let entries: string[];
  try {
    entries = Deno.readTextFileSync("/proc/self/environ").split("\0");
  } catch {
    return [];
  }
  // Bytes that are not UTF-8 were read as U+FFFD.
  return entries.filter((entry) => entry.includes("\ufffd")).map((entry) =>
    entry.slice(0, Math.max(0, entry.indexOf("=")))
  )
    .filter((name) => name !== "" && !Object.hasOwn(env, name));
}

/** Whether all arguments were valid UTF-8: Deno 2.9.6 reads other bytes as U+FFFD, 2.7.11 refuses to start. */
export function areUtf8(args: readonly string[]): boolean {
  if (Deno.build.os !== "linux" || !args.some((arg) => arg.includes("\ufffd"))) return true;
  try {
    return isUtf8(Deno.readFileSync("/proc/self/cmdline"));
  } catch {
    return true;
  }
}
