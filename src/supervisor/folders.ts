/**
 * The folders of a server from its start to its end, with the launcher in them: what the service is started with.
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
  /** Sentences for the log: why commands have no session of their own although they should. */
  readonly warnings: readonly string[];
  /** Puts right what somebody changed or removed, and says so in the log. Throws what the file system throws. */
  mend(): void;
  /** Removes them; what is in the way of that is said in the log. Idempotent. */
  close(): void;
}

/** Name of the spool inside the server's folder. */
export const spoolName = "spool";

/** Where the launcher is inside a server's folder. */
const launcherFolder = "run";
const launcherName = join(launcherFolder, "command");

/** How often they are looked after, so that no temp cleaner takes them for abandoned. */
const refreshMs = 20_000;

/** The soft limit of open files that a command starts with: the usual one. Deno has raised its own, which a command would inherit. */
const commandOpenFiles = 1024;

/**
 * Makes the folders and looks after them. `env` is the server's environment; `command` is what the launcher runs. Throws a
 * `StartError` when they cannot be made, or when there is no launcher and the environment makes every spawn fail.
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
    throw new StartError(`cannot make a folder in ${config.spool.parent}: ${messageOf(error)}`);
  }
  const refused = config.sandbox && !launcher ? refusedByTheSandbox(env) : [];
  const missing = config.launcher.ownSession && !launcher;
  const reason = `no launcher can run: ${reasons.join(", ")}`;
  if (missing && refused.length > 0) {
    close();
    throw new StartError([reason, ...refused].join("; "));
  }

  const inherited = withoutSecrets(env);
  const logMended = (mended: readonly string[]) => {
    for (const path of mended) {
      log.warn("what the server needs was changed, replaced or removed, and is put right", {
        "file.path": path,
      });
    }
  };
  const watches = held.map((folder) => watch(folder, () => logMended(folder.folder.mend())));
  const refresher = setInterval(() => {
    for (const { path, folder } of held) {
      try {
        logMended(folder.refresh());
      } catch (error) {
        log.error("the server's folder cannot be put right", {
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
      ? [`${reason}: commands share the server's session and choose their environment`]
      : [],
    mend: () => held.forEach(({ folder }) => logMended(folder.mend())),
    close() {
      clearInterval(refresher);
      for (const watching of watches) watching[Symbol.dispose]();
      close();
    },
  };
}

/** A folder of this server, and where it is. */
interface HeldFolder {
  readonly path: string;
  readonly folder: ServerFolder;
}

/** Makes one in `parent`. Its path has no links, since permissions compare paths as text. */
function holdFolder(parent: string, held: HeldFolder[]): HeldFolder {
  const path = newServerFolderPath(Deno.realPathSync(parent));
  const made = { path, folder: openServerFolder(path) };
  held.push(made);
  return made;
}

/** At most so often is a folder mended because something in it has changed. */
const watchPauseMs = 50;

/**
 * Mends a server's folder as soon as something in it, or in the launcher's folder, is changed by anybody: a changed launcher
 * would run something else, and a lock that was replaced holds nobody off. What goes on in the spool is not looked at, and
 * nothing is lost where folders cannot be watched: the refreshing finds it.
 */
function watch({ path }: HeldFolder, mend: () => void): Disposable {
  let watcher: Deno.FsWatcher | undefined;
  let closed = Deno.build.os !== "linux";
  const mendIfPossible = () => {
    try {
      mend();
    } catch {
      // The next refresh says why.
    }
  };

  async function keepWatching(): Promise<void> {
    while (!closed) {
      const run = join(path, launcherFolder);
      watcher = Deno.watchFs(look(run)?.isDirectory ? [path, run] : [path], { recursive: false });
      // Whatever happened before it was watched.
      mendIfPossible();
      // Leaving the loop closes it.
      for await (const _change of watcher) break;
      watcher = undefined;
      if (!closed) await new Promise((resolve) => setTimeout(resolve, watchPauseMs));
      // A folder that is gone cannot be watched.
      if (!closed) mendIfPossible();
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
    log.error("the server's folder could not be removed", {
      "file.path": path,
      "exception.message": messageOf(error),
    });
  }
}

/** The launcher in the first folder that lets programs run; undefined, and `reasons`, when there is none. */
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
    cwd: Deno.cwd(),
    env: only(withoutSecrets(env), (name) => !comesFromCaller(name)),
    openFiles: commandOpenFiles,
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

/** Throws an `Error` when the folder does not let it run. */
function launcherIn({ path, folder }: HeldFolder, launch: Launch): Launcher {
  tryToLaunch(path, launch);
  folder.addFolder(launcherFolder);
  folder.addProgram(launcherName, bytesOf(launch));
  return { path: join(path, launcherName), word: launch.word };
}

/** Runs a launcher whose program does not exist: it says so. Throws an `Error` when it does not, as with the mount option noexec. */
function tryToLaunch(folder: string, launch: Launch): void {
  const trial = join(folder, "trial");
  Deno.writeFileSync(trial, bytesOf({ ...launch, program: `${trial}.missing` }), {
    createNew: true,
    mode: 0o500,
  });
  try {
    const { stderr } = new Deno.Command(trial, { clearEnv: true, stdin: "null" }).outputSync();
    const said = new TextDecoder().decode(stderr);
    if (said !== `${launch.word} 002\n`) throw new Error("a program did not run as it should");
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
