import assert from "node:assert/strict";
import { check } from "../../src/supervisor/check.ts";
import { openFolders } from "../../src/supervisor/folders.ts";
import { type FileSystem, measureSpoolRoom } from "../../src/supervisor/spool_room.ts";
import { temporaryFolder } from "../support/folder.ts";
import { configOf } from "../support/machine.ts";

const disk: FileSystem = { type: 0xef53, bsize: 4096, blocks: 1000, bavail: 500 };

/** A folder in memory that the sandbox can be given; this machine's /dev/shm. */
const memory = "/dev/shm";

const roomOf = (fileSystem: FileSystem) => measureSpoolRoom("/spool", () => fileSystem);

Deno.test("measureSpoolRoom() gives four fifths of what is free on a disk, at least 64 MiB", () => {
  const large = { ...disk, bavail: 500_000 };
  assert.deepEqual(roomOf(large), { bytes: 400_000 * 4096, warning: undefined });
  // The size of a block may differ from that of a transfer.
  assert.equal(roomOf({ ...large, bsize: 2 ** 20, frsize: 512 }).bytes, 400_000 * 512);
  assert.equal(roomOf({ ...large, frsize: 0 }).bytes, 400_000 * 4096);
  assert.equal(roomOf({ ...large, bsize: 1000, bavail: 100_001 }).bytes, 80_000_800);
  assert.equal(roomOf({ ...large, bsize: 1, bavail: 100_000_003 }).bytes, 80_000_002, "whole");
  assert.deepEqual(roomOf({ ...disk, bavail: 0 }), { bytes: 64 * 2 ** 20, warning: undefined });
  // Windows reports no type.
  assert.equal(roomOf({ ...disk, type: 0 }).warning, undefined);
});

Deno.test("measureSpoolRoom() gives a quarter of a file system in memory, with a warning", () => {
  for (const type of [0x0102_1994, 0x8584_58f6]) {
    assert.deepEqual(roomOf({ ...disk, type }), {
      bytes: 250 * 4096,
      warning:
        "the spool is in memory: bodies and outputs of POST /run may take 1024000 bytes of it; set JOBRUNNER_SPOOL_DIR to a folder on a disk",
    });
    const unlimited = roomOf({ ...disk, type, blocks: 0, bavail: 0 });
    assert.equal(unlimited.bytes, 2 ** 30);
    assert.match(unlimited.warning ?? "", /^the spool is in memory: .* 1073741824 bytes of it;/);
  }
});

Deno.test("measureSpoolRoom() gives 10 GiB where the file system does not report its size, with a warning", () => {
  const warning = (reason: string) =>
    `it is not known how much room the spool has (${reason}): bodies and outputs of POST /run may take 10737418240 bytes; set JOBRUNNER_MAX_SPOOL_BYTES`;
  assert.deepEqual(roomOf({ ...disk, blocks: 0 }), {
    bytes: 10 * 2 ** 30,
    warning: warning("the file system does not report its size"),
  });
  const failing = measureSpoolRoom("/spool", () => {
    throw new Error("no such call");
  });
  assert.deepEqual(failing, { bytes: 10 * 2 ** 30, warning: warning("no such call") });
});

Deno.test("measureSpoolRoom() measures a folder of this machine", () => {
  using folder = temporaryFolder();
  const { bytes } = measureSpoolRoom(folder.path);
  assert.ok(Number.isSafeInteger(bytes) && bytes > 0, String(bytes));
  const missing = measureSpoolRoom(`${folder.path}/missing`);
  assert.match(missing.warning ?? "", /^it is not known how much room the spool has \(.*ENOENT/);
});

/** A configuration whose spool lies in this folder. */
function configIn(parent: string, maxBytes?: number) {
  const config = configOf({ JOBRUNNER_CMD: "/bin/date" });
  const launcher = { ownSession: false, parents: [] };
  return { ...config, sandbox: false, spool: { parent, maxBytes }, launcher };
}

const noLog = { write: (message: string) => assert.fail(message), flush: () => Promise.resolve() };

Deno.test("openFolders() hands over the limit that is set, also one that is set later, or else the measured one", () => {
  using temporary = temporaryFolder();
  const folders = openFolders(configIn(temporary.path), {}, noLog);
  try {
    const { spoolBytes } = folders.start;
    assert.ok(Number.isSafeInteger(spoolBytes) && spoolBytes > 0, String(spoolBytes));
    assert.equal(folders.renew(configIn(temporary.path, 1000)).spoolBytes, 1000);
    assert.equal(folders.renew(configIn(temporary.path)).spoolBytes, spoolBytes);
  } finally {
    folders.close();
  }
  const set = openFolders(configIn(temporary.path, 7), {}, noLog);
  try {
    assert.equal(set.start.spoolBytes, 7);
  } finally {
    set.close();
  }
});

Deno.test("openFolders() and serve --check warn of a spool in memory, unless its limit is set", async () => {
  using folder = temporaryFolder(memory);
  const about = (warnings: readonly string[]) =>
    warnings.filter((warning) => /^(warning: )?the spool is in memory: /.test(warning));
  for (const [maxBytes, count] of [[undefined, 1], [1000, 0]] as const) {
    const config = configIn(folder.path, maxBytes);
    const folders = openFolders(config, {}, noLog);
    folders.close();
    assert.equal(about(folders.warnings).length, count);
    const { lines } = await check({ config, effective: [], warnings: [] }, {});
    assert.equal(about(lines).length, count);
  }
});
