import assert from "node:assert/strict";
import { configOf, configure, type Disk, errorsOf } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("launcher.parents are the spool's parent, the temp folder and the folders of STATE_DIRECTORY", () => {
  const disk = { "/spool": "folder", "/state": "folder", "/more": "folder" } as const;
  const env = { ...cmd, JOBRUNNER_SPOOL_DIR: "/spool", STATE_DIRECTORY: "/state:/not/there:/more" };
  const result = configure(env, { disk });
  assert.deepEqual(result.ok && result.config.launcher.parents, [
    "/spool",
    "/tmp",
    "/state",
    "/more",
  ]);
});

Deno.test("JOBRUNNER_MAX_SPOOL_BYTES is the limit of the spool; 0 leaves it to the file system", () => {
  assert.equal(configOf({ ...cmd, JOBRUNNER_MAX_SPOOL_BYTES: "1000" }).spool.maxBytes, 1000);
  for (const text of ["", "0", "00"]) {
    assert.equal(configOf({ ...cmd, JOBRUNNER_MAX_SPOOL_BYTES: text }).spool.maxBytes, undefined);
  }
});

Deno.test("JOBRUNNER_SPOOL_DIR rejects folders in /dev, /proc and /sys while the sandbox is on", () => {
  const shm = { ...cmd, JOBRUNNER_SPOOL_DIR: "/dev/shm" };
  const disk: Disk = { "/dev/shm": "folder", "/run/shm": "folder", "/development": "folder" };
  assert.deepEqual(errorsOf(shm, [], disk), [
    "JOBRUNNER_SPOOL_DIR=/dev/shm: must be outside /dev, /proc and /sys, where the sandbox cannot open files: choose another folder, or set JOBRUNNER_SANDBOX=off",
  ]);
  assert.equal(
    errorsOf({ ...cmd, JOBRUNNER_SPOOL_DIR: "/run/shm" }, [], disk).length,
    1,
    "a link to it",
  );
  assert.equal(configOf({ ...shm, JOBRUNNER_SANDBOX: "off" }, [], disk).spool.parent, "/dev/shm");
  assert.equal(
    configOf({ ...cmd, JOBRUNNER_SPOOL_DIR: "/development" }, [], disk).spool.parent,
    "/development",
  );
});
