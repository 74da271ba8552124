/**
 * Creates a server's folders and the launcher in them, looks after them, and removes them.
 *
 * @module
 */

import { join } from "node:path";
import type { Command } from "../config/command.ts";
import type { Config } from "../config/config.ts";
import { refusedByTheSandbox } from "../config/environment.ts";
import { withoutSecrets } from "../exec/child_env.ts";
import { look } from "../spool/own_folder.ts";
import type { Launcher } from "../exec/start.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import { type Log, messageOf } from "../telemetry/log.ts";
import { comesFromCaller, hasLauncher, type Launch, makeLauncher } from "./launcher.ts";
import { newServerFolderPath, openServerFolder, type ServerFolder } from "./server_folder.ts";

/** See the module's head. */
export interface Folders {
  /** What the service is started with. */
  readonly start: ServiceStart;
  /** Sentences for the log: why commands do not have sessions of their own although they should. */
  readonly warnings: readonly string[];
  /** Repairs what was changed or removed, and logs it. Throws errors of the file system. */
  repair(): void;
  /** Removes the folders; failures are logged. Idempotent. */
  close(): void;
}

/** Name of the spool inside the server's folder. */
export const spoolName = "spool";

/** Path of the launcher inside a server's folder. */
const launcherFolder = "run";
const launcherName = join(launcherFolder, "command");

/** How often the folders are checked, and their locks refreshed so that no temp cleaner treats them as abandoned. */
const refreshMs = 20_000;

/** The soft limit of open files of a command: the usual one. Otherwise it would inherit Deno's, which Deno has raised. */
const commandOpenFiles = 1024;

/**
 * Creates the folders and looks after them. `env` is the server's environment; `command` is what the launcher runs. Throws a
 * `StartError` if they cannot be created, or if there is no launcher and the environment makes every spawn fail.
 */
export function openFolders(
  config: Config,
  env: Readonly<Record<string, string>>,
  log: Log,
  command: Command = config.work.command,
): Folders {
  const held: HeldFolder[] = [];
  const reasons: string[] = [];
  const close = () => held.forEach((folder) => closeFolder(folder, log));
  let launcher: Launcher | undefined;
  let spool: string;
  try {
    const own = holdFolder(config.spool.parent, held);
    own.folder.addFolder(spoolName);
    spool = join(own.path, spoolName);
    launcher = config.launcher.ownSession
      ? openLauncher(config, env, command, held, reasons)
      : undefined;
  } catch (error) {
    close();
    throw new StartError(`cannot create a folder in ${config.spool.parent}: ${messageOf(error)}`);
  }
  const refused = config.sandbox && !launcher ? refusedByTheSandbox(env) : [];
  const missing = config.launcher.ownSession && !launcher;
  const reason = `no launcher can run: ${reasons.join(", ")}`;
  if (missing && refused.length > 0) {
    close();
    throw new StartError([reason, ...refused].join("; "));
  }

  const inherited = withoutSecrets(env);
  const logRepaired = (repaired: readonly string[]) => {
    for (const path of repaired) {
      log.write("repaired the server's folder: something was changed, replaced or removed", {
        "file.path": path,
      });
    }
  };
  const watches = held.map((folder) => watch(folder, () => logRepaired(folder.folder.repair())));
  const refresher = setInterval(() => {
    for (const { path, folder } of held) {
      try {
        logRepaired(folder.refresh());
      } catch (error) {
        log.write("the server's folder cannot be repaired", {
          "file.path": path,
          "exception.message": messageOf(error),
        });
      }
    }
  }, refreshMs);
  return {
    start: {
      config,
      spool,
      launcher,
      commandEnv: launcher ? only(inherited, comesFromCaller) : inherited,
    },
    warnings: missing
      ? [
        `${reason}: commands share the server's session, and the service can choose their environment`,
      ]
      : [],
    repair: () => held.forEach(({ folder }) => logRepaired(folder.repair())),
    close() {
      clearInterval(refresher);
      for (const watching of watches) watching[Symbol.dispose]();
      close();
    },
  };
}

/** A folder of this server, with its path. */
interface HeldFolder {
  readonly path: string;
  readonly folder: ServerFolder;
}

/** Creates a folder in `parent`. Its path has no links, since permissions compare paths as text. */
function holdFolder(parent: string, held: HeldFolder[]): HeldFolder {
  const path = newServerFolderPath(Deno.realPathSync(parent));
  const made = { path, folder: openServerFolder(path) };
  held.push(made);
  return made;
}

/** Shortest pause between two repairs of a folder because of changes in it. */
const watchPauseMs = 50;

/**
 * Repairs a server's folder as soon as anything changes in it or in the launcher's folder: a changed launcher would run
 * another program, and a replaced lock would keep no other server away. Changes inside the spool are not watched. Where
 * folders cannot be watched, the regular refresh finds the changes.
 */
function watch({ path }: HeldFolder, repair: () => void): Disposable {
  let watcher: Deno.FsWatcher | undefined;
  let closed = Deno.build.os !== "linux";
  const repairIfPossible = () => {
    try {
      repair();
    } catch {
      // The next refresh logs the reason.
    }
  };

  async function keepWatching(): Promise<void> {
    while (!closed) {
      const run = join(path, launcherFolder);
      watcher = Deno.watchFs(look(run)?.isDirectory ? [path, run] : [path], { recursive: false });
      // Something may have changed before the watch began.
      repairIfPossible();
      // Leaving the loop closes the watcher.
      for await (const _change of watcher) break;
      watcher = undefined;
      if (!closed) await new Promise((resolve) => setTimeout(resolve, watchPauseMs));
      // A folder that was removed cannot be watched.
      if (!closed) repairIfPossible();
    }
  }

  keepWatching().catch(() => {});
  return {
    [Symbol.dispose]() {
      if (closed) return;
      closed = true;
      watcher?.close();
    },
  };
}

function closeFolder({ path, folder }: HeldFolder, log: Log): void {
  try {
    folder.close();
  } catch (error) {
    log.write("the server's folder could not be removed", {
      "file.path": path,
      "exception.message": messageOf(error),
    });
  }
}

/** Creates the launcher in the first parent that allows programs to run. If none does: undefined, with the `reasons`. */
function openLauncher(
  { spool, launcher: { parents } }: Pick<Config, "spool" | "launcher">,
  env: Readonly<Record<string, string>>,
  { program, args }: Command,
  held: HeldFolder[],
  reasons: string[],
): Launcher | undefined {
  const launch: Launch = {
    program,
    args,
    ownSession: true,
    cwd: Deno.cwd(),
    cwdRequired: false,
    env: only(withoutSecrets(env), (name) => !comesFromCaller(name)),
    umask: undefined,
    niceness: undefined,
    limits: [{ resource: "openFiles", soft: commandOpenFiles, hard: undefined }],
    word: `jobrunner-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`,
  };
  for (const parent of parents) {
    const isOwn = parent === spool.parent;
    let place: HeldFolder | undefined;
    try {
      place = isOwn ? held[0] : holdFolder(parent, held);
      if (place) return launcherIn(place, launch);
    } catch (error) {
      reasons.push(`${parent}: ${messageOf(error)}`);
    }
    if (place && !isOwn) held.pop()?.folder.close();
  }
  return undefined;
}

/** Throws an `Error` if programs cannot run in the folder. */
function launcherIn({ path, folder }: HeldFolder, launch: Launch): Launcher {
  tryToLaunch(path, launch);
  folder.addFolder(launcherFolder);
  folder.addProgram(launcherName, bytesOf(launch));
  return { path: join(path, launcherName), word: launch.word };
}

/**
 * Runs a launcher whose program does not exist. Throws an `Error` unless the launcher reports that, which it cannot where the
 * mount option noexec is set, for example.
 */
function tryToLaunch(folder: string, launch: Launch): void {
  const trial = join(folder, "trial");
  Deno.writeFileSync(trial, bytesOf({ ...launch, program: `${trial}.missing` }), {
    createNew: true,
    mode: 0o500,
  });
  try {
    const { stderr } = new Deno.Command(trial, { clearEnv: true, stdin: "null" }).outputSync();
    const output = new TextDecoder().decode(stderr);
    if (output !== `${launch.word} 002\n`) throw new Error("a test program did not run correctly");
  } finally {
    Deno.removeSync(trial);
  }
}

function bytesOf(launch: Launch): Uint8Array<ArrayBuffer> {
  const { arch } = Deno.build;
  if (!hasLauncher(arch)) throw new Error(`there is no launcher for ${arch}`);
  return makeLauncher(arch, launch);
}

function only(
  env: Readonly<Record<string, string>>,
  wanted: (name: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => wanted(name)));
}
