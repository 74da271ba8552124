/**
 * The folders in which the server makes its own.
 *
 * @module
 */

import type { SpoolConfig, Surroundings } from "./config.ts";
import { absolute } from "./files.ts";
import type { Values } from "./sources.ts";

/** Where the spool is made. A folder that is missing, or that the sandbox could not open, is a fault. */
export function readSpool(values: Values, around: Surroundings, sandbox: boolean): SpoolConfig {
  const folder = absolute(values.text("JOBRUNNER_SPOOL_DIR"), around);
  if (around.fileKind(folder) !== "folder") {
    if (values.origin("JOBRUNNER_SPOOL_DIR") !== "default") {
      values.fault("JOBRUNNER_SPOOL_DIR");
    } else {
      values.faults.push(
        `JOBRUNNER_SPOOL_DIR=: must be an existing folder (the temp folder ${folder} is none)`,
      );
    }
  }
  if (sandbox && around.os === "linux" && /^\/(dev|proc|sys)(\/|$)/.test(around.realPath(folder))) {
    values.faults.push(
      `JOBRUNNER_SPOOL_DIR=${folder}: must lie outside /dev, /proc and /sys, where the sandbox can open nothing: choose another folder, or set JOBRUNNER_SANDBOX=off`,
    );
  }
  return { parent: folder };
}

/** Where launchers may be made. One cannot be where programs are forbidden to run (mount option noexec), so there is more than one place. */
export function launcherParents({ parent }: SpoolConfig, around: Surroundings): string[] {
  // systemd's folder for the state of a service (systemd.exec(5)).
  const state = (around.env["STATE_DIRECTORY"] ?? "").split(":");
  return [...new Set([parent, around.tempDir, ...state])].filter((folder) =>
    folder.startsWith("/") && around.fileKind(folder) === "folder"
  );
}
