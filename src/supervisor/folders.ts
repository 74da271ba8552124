/**
 * Creates a server's folders and the launcher in them, looks after them, and removes them.
 *
 * @module
 */

import { join } from "node:path";
import type { Command } from "../config/command.ts";
import type { CommandConfig, Config } from "../config/config.ts";
import { canReload } from "../config/fixed.ts";
import { refusedByTheSandbox } from "../config/environment.ts";
import { stdinIsPiped } from "../config/stdin.ts";
import { inheritedBy } from "../exec/child_env.ts";
import type { ServiceSettings, ServiceStart } from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import { type Log, messageOf } from "../telemetry/log.ts";
import { watch } from "./folder_watch.ts";
import { comesFromCaller } from "./launcher.ts";
import {
  createSlots,
  type LauncherForm,
  launcherForm,
  launchOf,
  only,
  slotNames,
  type Slots,
  tryToLaunch,
} from "./launchers.ts";
import { newServerFolderPath, openServerFolder, type ServerFolder } from "./server_folder.ts";
import { measureSpoolRoom } from "./spool_room.ts";

/** See the module's head. */
export interface Folders {
  /** What the service is started with. */
  readonly start: ServiceStart;
  /**
   * Sentences for the log: why commands do not have sessions of their own although they should, and why the limit of the spool
   * is probably not the one that is wanted.
   */
  readonly warnings: readonly string[];
  /**
   * Makes what another configuration of the same server needs. Throws an `Error`, and changes nothing, if that is not possible.
   */
  renew(config: Config): Renewal;
  /** Empties the slot of a launcher that no job needs any more. */
  free(launcher: string): void;
  /** Repairs what was changed or removed, and logs it. Throws errors of the file system. */
  repair(): void;
  /** Removes the folders; failures are logged. Idempotent. */
  close(): void;
}

/** What the service is given of a configuration, with launchers that were made for it. */
export interface Renewal extends ServiceSettings {
  /** Removes what was made for this configuration alone. */
  undo(): void;
}

/** Name of the spool inside the server's folder. */
export const spoolName = "spool";

/** How often the folders are checked, and their locks refreshed so that no temp cleaner treats them as abandoned. */
const refreshMs = 20_000;

/**
 * Creates the folders and looks after them. `env` is the server's environment; `replace` changes the commands that launchers
 * run. Throws a `StartError` if the folders cannot be created, or if there is no launcher although one is needed.
 */
export function openFolders(
  config: Config,
  env: Readonly<Record<string, string>>,
  log: Log,
  replace: (command: Command) => Command = (command) => command,
): Folders {
  const logRepaired = (repaired: readonly string[]) => {
    for (const path of repaired) {
      log.write("repaired the server's folder: something was changed, replaced or removed", {
        "file.path": path,
      });
    }
  };
  const held: HeldFolder[] = [];
  const repair = () => held.forEach(({ folder }) => logRepaired(folder.repair()));
  const reasons: string[] = [];
  const close = () => held.forEach((folder) => closeFolder(folder, log));
  // With named commands the service could not start a later configuration's programs without launchers.
  const form = config.launcher.ownSession || config.named ? launcherForm() : undefined;
  let slots: Slots | undefined;
  let spool: string;
  try {
    const own = holdFolder(config.spool.parent, held);
    own.folder.addFolder(spoolName);
    spool = join(own.path, spoolName);
    slots = form && openSlots(config, form, held, reasons, log);
  } catch (error) {
    close();
    throw new StartError(`cannot create a folder in ${config.spool.parent}: ${messageOf(error)}`);
  }
  const room = measureSpoolRoom(spool);
  const noLauncher = form && !slots ? [`no launcher can run: ${reasons.join(", ")}`] : [];
  const programs = slots?.paths ??
    [...new Set(config.commands.map(({ command }) => command.program))];

  /** The launchers of the latest configuration. The service may still ask to free one that an earlier configuration had too. */
  let wanted: ReadonlySet<string> = new Set();
  /** Those of them that the service asked to free since then. */
  let spared = new Set<string>();

  function renew(config: Config): Renewal {
    const refused = slots
      ? []
      : config.commands.flatMap((command) =>
        withoutLauncher(command, env, config.sandbox ? programs : undefined)
      );
    if (refused.length > 0) throw new StartError([...noLauncher, ...refused].join("; "));
    const wantedBefore = wanted;
    // A job may have damaged the folder just before.
    repair();
    const filling = slots?.fill(
      config.commands.map(({ command, launch, run }) =>
        launchOf(replace(command), launch, env, {
          ownSession: config.launcher.ownSession,
          ownStdin: !stdinIsPiped(run),
        })
      ),
    );
    wanted = new Set(filling?.launchers.map(({ path }) => path));
    spared = new Set();
    return {
      config: withoutVariables(config),
      starts: config.commands.map(({ name, launch }, index) => {
        const inherited = inheritedBy(launch, env);
        const launcher = filling?.launchers[index];
        return {
          name,
          launcher,
          env: launcher?.holdsAll ? only(inherited, comesFromCaller) : inherited,
        };
      }),
      spoolBytes: config.spool.maxBytes ?? room.bytes,
      undo() {
        wanted = wantedBefore;
        filling?.undo();
        spared.forEach(free);
      },
    };
  }

  function free(launcher: string): void {
    if (wanted.has(launcher)) spared.add(launcher);
    else slots?.empty(launcher);
  }

  let settings: ServiceSettings;
  try {
    const { config: given, starts, spoolBytes } = renew(config);
    settings = { config: given, starts, spoolBytes };
  } catch (error) {
    close();
    throw error instanceof StartError
      ? error
      : new StartError(`cannot make a launcher: ${messageOf(error)}`);
  }
  const watches = held.map((folder) =>
    watch(folder.path, () => logRepaired(folder.folder.repair()))
  );
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
    start: { ...settings, spool, programs },
    warnings: [
      ...noLauncher.map((reason) =>
        `${reason}: commands share the server's session, and the service can choose their environment`
      ),
      ...(config.spool.maxBytes === undefined && room.warning ? [room.warning] : []),
    ],
    renew,
    free,
    repair,
    close() {
      clearInterval(refresher);
      for (const watching of watches) watching[Symbol.dispose]();
      close();
    },
  };
}

/** The configuration without the values of `env`, which may be secrets: what the service needs of them is in `CommandStart`. */
function withoutVariables(config: Config): Config {
  return {
    ...config,
    commands: config.commands.map((command) => ({
      ...command,
      launch: { ...command.launch, env: {} },
    })),
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

/** Creates the slots in the first parent that allows programs to run. If none does: undefined, with the `reasons`. */
function openSlots(
  config: Config,
  form: LauncherForm,
  held: HeldFolder[],
  reasons: string[],
  log: Log,
): Slots | undefined {
  for (const parent of config.launcher.parents) {
    const isOwn = parent === config.spool.parent;
    let place: HeldFolder | undefined;
    try {
      place = isOwn ? held[0] : holdFolder(parent, held);
      if (!place) continue;
      tryToLaunch(place.path, form);
      return createSlots(
        slotNames(canReload(config)),
        form,
        place,
        (slot, error) =>
          log.write("a launcher could not be removed", {
            "file.path": slot,
            "exception.message": messageOf(error),
          }),
      );
    } catch (error) {
      reasons.push(`${parent}: ${messageOf(error)}`);
    }
    if (place && !isOwn) held.pop()?.folder.close();
  }
  return undefined;
}

/**
 * Why a command cannot be started without a launcher; empty if it can. The service may start these `programs`, or any if that
 * is undefined.
 */
function withoutLauncher(
  { name, command: { program }, launch }: CommandConfig,
  env: Readonly<Record<string, string>>,
  programs: readonly string[] | undefined,
): readonly string[] {
  const { umask, nice, limits } = launch;
  const needed = [umask, nice, ...Object.values(limits)].some((value) => value !== undefined);
  return [
    ...(programs ? refusedByTheSandbox(inheritedBy(launch, env)) : []),
    ...(needed ? [`commands.${name}: umask, nice and limit_* need a launcher`] : []),
    ...(programs && !programs.includes(program)
      ? [
        `commands.${name}: ${program} was not a command's program when the server started, so a restart is needed`,
      ]
      : []),
  ];
}
