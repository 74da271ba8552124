/**
 * The folders in which the server creates its own.
 *
 * @module
 */

import type { SpoolConfig, Surroundings } from "./config.ts";
import { absolute } from "./files.ts";
import type { Values } from "./sources.ts";

/** Reads where the spool is created. A folder that does not exist, or that the sandbox could not open, is an error. */
export function readSpool(values: Values, around: Surroundings, sandbox: boolean): SpoolConfig {
  const folder = absolute(values.text("JOBRUNNER_SPOOL_DIR"), around);
  if (around.fileKind(folder) !== "folder") {
    if (values.origin("JOBRUNNER_SPOOL_DIR") !== "default") {
      values.addError("JOBRUNNER_SPOOL_DIR");
    } else {
      values.errors.push(
        `JOBRUNNER_SPOOL_DIR=: must be an existing folder (the temp folder ${folder} is not one)`,
      );
    }
  }
  if (sandbox && around.os === "linux" && /^\/(dev|proc|sys)(\/|$)/.test(around.realPath(folder))) {
    values.errors.push(
      `JOBRUNNER_SPOOL_DIR=${folder}: must be outside /dev, /proc and /sys, where the sandbox cannot open files: choose another folder, or set JOBRUNNER_SANDBOX=off`,
    );
  }
  return { parent: folder, maxBytes: values.number("JOBRUNNER_MAX_SPOOL_BYTES") || undefined };
}

/**
 * The folders in which the launcher may be created. There are several, because programs may be forbidden to run in one of them
 * (mount option noexec).
 */
export function launcherParents({ parent }: SpoolConfig, around: Surroundings): string[] {
  // The folder of systemd for the state of a service (systemd.exec(5)).
  const state = (around.env["STATE_DIRECTORY"] ?? "").split(":");
  return [...new Set([parent, around.tempDir, ...state])].filter((folder) =>
    folder.startsWith("/") && around.fileKind(folder) === "folder"
  );
}
