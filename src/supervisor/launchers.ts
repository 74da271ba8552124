/**
 * The launchers of a server, in slots that exist from the start, since the permissions of the service are fixed then. Commands
 * that start in the same way share one.
 *
 * A launcher is made under another name and renamed into its slot. It is never rewritten: the slot stays as it is until no job
 * needs it any more.
 *
 * @module
 */

import { join } from "node:path";
import { getPriority } from "node:os";
import type { Command } from "../config/command.ts";
import { maxLaunchers } from "../config/max_commands.ts";
import type { LaunchConfig } from "../config/config.ts";
import { inheritedBy } from "../exec/child_env.ts";
import type { Launcher } from "../exec/start.ts";
import {
  comesFromCaller,
  hasLauncher,
  type Launch,
  type Limit,
  makeLauncher,
  workerIdPlaceholder,
} from "./launcher.ts";
import type { ServerFolder } from "./server_folder.ts";
import { makeShellLauncher } from "./shell_launcher.ts";

/** The slots of a server. */
export interface Slots {
  /** Absolute paths of all slots. */
  readonly paths: readonly string[];
  /**
   * Makes the launchers of a configuration. A launcher that is there already is used again. Throws an `Error`, and leaves
   * everything as it was, if there are too few free slots or a launcher cannot be made.
   */
  fill(launches: readonly LaunchData[]): Filling;
  /**
   * Empties a slot that no job needs any more. No effect while the slot is empty. A launcher that cannot be removed is reported;
   * the next one in its slot replaces it.
   */
  empty(path: string): void;
}

/** The launchers of one configuration. */
export interface Filling {
  /** One for each launch, in the same order. */
  readonly launchers: readonly Launcher[];
  /** Empties the slots that were filled for it alone. */
  undo(): void;
}

/** What the launcher of a command does; the word by which it reports a failure is added when it is made. */
export type LaunchData = Omit<Launch, "word">;

/** The folder of the slots inside a server's folder. */
export const launcherFolder = "run";

/** The soft limit of open files of a command: the usual one. Otherwise it would inherit Deno's, which Deno has raised. */
const commandOpenFiles = 1024;

/** How launchers are made. */
export interface LauncherForm {
  /** The same as in `Launcher`. */
  readonly holdsAll: boolean;
  /** Makes the bytes of an executable file. */
  make(launch: Launch): Uint8Array<ArrayBuffer>;
}

/** The form of launchers on a system; undefined where there is none. */
export function launcherForm(
  { os, arch }: Pick<typeof Deno.build, "os" | "arch"> = Deno.build,
): LauncherForm | undefined {
  if (os === "windows") return undefined;
  if (os === "linux" && hasLauncher(arch)) {
    return { holdsAll: true, make: (launch) => makeLauncher(arch, launch) };
  }
  const encoder = new TextEncoder();
  return { holdsAll: false, make: (launch) => encoder.encode(makeShellLauncher(launch)) };
}

/** Names of the slots: of one if the configuration is not read again, otherwise of two for each command that there can be. */
export function slotNames(canReload: boolean): readonly string[] {
  if (!canReload) return ["command"];
  return Array.from({ length: maxLaunchers }, (_, index) => `command-${index + 1}`);
}

/** A launcher in its slot. */
interface Filled {
  readonly launcher: Launcher;
  /** What it launches, as text that can be compared. */
  readonly launch: string;
}

/**
 * Creates the folder of the slots, all of them empty, in a server's folder. `onNotRemoved` is called with the slot of a launcher
 * that could not be removed: a job may have damaged the folder.
 */
export function createSlots(
  names: readonly string[],
  { holdsAll, make }: LauncherForm,
  { path, folder }: { readonly path: string; readonly folder: ServerFolder },
  onNotRemoved: (slot: string, error: unknown) => void,
): Slots {
  const places = new Map(names.map((name) => {
    const place = join(launcherFolder, name);
    return [join(path, place), place];
  }));
  const filled = new Map<string, Filled>();
  folder.addFolder(launcherFolder);

  /** The slot with this launcher; fills one if there is none. */
  function slotFor(launch: LaunchData): string {
    const same = JSON.stringify(launch);
    for (const [slot, { launch }] of filled) if (launch === same) return slot;
    const free = [...places].find(([slot]) => !filled.has(slot));
    if (!free) {
      throw new Error(
        `all ${places.size} launchers are in use: jobs of earlier configurations have not ended`,
      );
    }
    const [slot, place] = free;
    const word = newWord();
    folder.addProgram(place, make({ ...launch, word }));
    filled.set(slot, { launcher: { path: slot, word, holdsAll }, launch: same });
    return slot;
  }

  function empty(slot: string): void {
    const place = places.get(slot);
    if (place === undefined || !filled.delete(slot)) return;
    try {
      folder.removeProgram(place);
    } catch (error) {
      onNotRemoved(slot, error);
    }
  }

  return {
    paths: [...places.keys()],
    fill(launches) {
      const before = new Set(filled.keys());
      const undo = () => [...filled.keys()].filter((slot) => !before.has(slot)).forEach(empty);
      try {
        const slots = launches.map(slotFor);
        return { launchers: slots.map((slot) => (filled.get(slot) as Filled).launcher), undo };
      } catch (error) {
        undo();
        throw error;
      }
    },
    empty,
  };
}

/**
 * Runs a launcher whose program does not exist. Throws an `Error` unless the launcher reports that, which it cannot where the
 * mount option noexec is set, for example.
 */
export function tryToLaunch(folder: string, { make }: LauncherForm): void {
  const trial = join(folder, "trial");
  const word = newWord();
  const bytes = make({
    program: `${trial}.missing`,
    args: [],
    ownSession: true,
    ownStdin: true,
    cwd: folder,
    cwdRequired: false,
    umask: undefined,
    niceness: undefined,
    limits: [],
    env: {},
    word,
  });
  Deno.writeFileSync(trial, bytes, { createNew: true, mode: 0o500 });
  try {
    const { stderr } = new Deno.Command(trial, { clearEnv: true, stdin: "null" }).outputSync();
    const output = new TextDecoder().decode(stderr);
    if (output !== `${word} 002\n`) throw new Error("a test program did not run correctly");
  } finally {
    Deno.removeSync(trial);
  }
}

function newWord(): string {
  return `jobrunner-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`;
}

/** What the launcher of a command does. `env` is the environment of the server. */
export function launchOf(
  { program, args }: Pick<Command, "program" | "args">,
  launch: LaunchConfig,
  env: Readonly<Record<string, string>>,
  own: Pick<Launch, "ownSession" | "ownStdin">,
): LaunchData {
  const { workingDirectory, umask, nice, limits } = launch;
  return {
    program,
    args,
    ...own,
    cwd: workingDirectory?.replaceAll("{worker_id}", workerIdPlaceholder) ?? Deno.cwd(),
    cwdRequired: workingDirectory !== undefined,
    umask,
    niceness: nice === undefined ? undefined : Math.min(maxNiceness, getPriority() + nice),
    limits: limitsOf(limits),
    env: only(inheritedBy(launch, env), (name) => !comesFromCaller(name)),
  };
}

const maxNiceness = 19;

function limitsOf({ memoryBytes, cpuSec, fileBytes, openFiles }: LaunchConfig["limits"]): Limit[] {
  const both = (resource: Limit["resource"], value: number | undefined, spare = 0): Limit[] =>
    value === undefined ? [] : [{ resource, soft: value, hard: value + spare }];
  return [
    { resource: "openFiles", soft: openFiles ?? commandOpenFiles, hard: undefined },
    ...both("memory", memoryBytes),
    // At the soft limit the command gets SIGXCPU, which an answer can name; at the hard one SIGKILL.
    ...both("cpu", cpuSec, 1),
    ...both("fileSize", fileBytes),
  ];
}

/** The variables whose names are wanted. */
export function only(
  env: Readonly<Record<string, string>>,
  wanted: (name: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => wanted(name)));
}
