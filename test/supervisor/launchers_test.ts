import assert from "node:assert/strict";
import { getPriority } from "node:os";
import { maxLaunchers } from "../../src/config/max_commands.ts";
import { asTheServer } from "../../src/config/file/launch.ts";
import {
  createSlots,
  type LaunchData,
  launcherForm,
  launchOf,
  slotNames,
  type Slots,
} from "../../src/supervisor/launchers.ts";
import { workerIdPlaceholder } from "../../src/supervisor/launcher.ts";
import {
  newServerFolderPath,
  openServerFolder,
  type ServerFolder,
} from "../../src/supervisor/server_folder.ts";
import { temporaryFolder } from "../support/folder.ts";
import { plainLaunch } from "../support/launcher.ts";

const encoder = new TextEncoder();

/** Slots with these names in a server's folder of their own. */
function slotsOf(names: readonly string[]): Slots & Disposable & {
  /** Names of the files in the folder of the slots. */
  readonly files: () => string[];
  /** Repairs the folder; returns the paths that were repaired. */
  readonly repair: () => readonly string[];
} {
  const parent = temporaryFolder();
  const path = newServerFolderPath(parent.path);
  const folder = openServerFolder(path);
  const form = launcherForm();
  assert.ok(form);
  return {
    ...createSlots(names, form, { path, folder }, (slot) => assert.fail(slot)),
    files: () => [...Deno.readDirSync(`${path}/run`)].map(({ name }) => name).sort(),
    repair: () => folder.repair(),
    [Symbol.dispose]() {
      folder.close();
      parent[Symbol.dispose]();
    },
  };
}

/** A launch that prints this text. */
function echo(text: string): LaunchData {
  const { word: _, ...launch } = plainLaunch;
  return { ...launch, program: "/bin/echo", args: [text] };
}

/** What a program prints. */
function said(path: string | undefined): string {
  assert.ok(path);
  const { stdout } = new Deno.Command(path, { clearEnv: true, stdin: "null" }).outputSync();
  return new TextDecoder().decode(stdout);
}

Deno.test("slotNames() is one name, or two for each possible command if the configuration is read again", () => {
  assert.deepEqual(slotNames(false), ["command"]);
  const names = slotNames(true);
  assert.equal(new Set(names).size, maxLaunchers);
  assert.deepEqual([names[0], names.at(-1)], ["command-1", `command-${maxLaunchers}`]);
});

Deno.test("createSlots() creates empty slots; fill() puts a launcher of mode 0500 into one for each launch", () => {
  using slots = slotsOf(["a", "b", "c"]);
  assert.deepEqual(slots.files(), []);
  assert.deepEqual(slots.paths.map((path) => path.split("/").slice(-2).join("/")), [
    "run/a",
    "run/b",
    "run/c",
  ]);
  const { launchers } = slots.fill([echo("one"), echo("two")]);
  assert.deepEqual(launchers.map(({ path }) => path), slots.paths.slice(0, 2));
  assert.deepEqual(launchers.map(({ path }) => said(path)), ["one\n", "two\n"]);
  for (const { path } of launchers) assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o500);
  assert.deepEqual(slots.files(), ["a", "b"], "nothing is left of their making");
  assert.equal(new Set(launchers.map(({ word }) => word)).size, 2);
});

Deno.test("fill() uses a launcher again that does exactly the same, also for two launches at once", () => {
  using slots = slotsOf(["a", "b"]);
  const [first] = slots.fill([echo("one")]).launchers;
  const file = Deno.statSync(first?.path ?? "");
  const again = slots.fill([echo("two"), echo("one"), echo("one")]).launchers;
  assert.deepEqual(again.slice(1), [first, first]);
  assert.equal(Deno.statSync(first?.path ?? "").ino, file.ino, "it was not written again");
  assert.deepEqual(slots.files(), ["a", "b"]);
  for (
    const differs of [
      { env: { A: "b" } },
      { umask: 0 },
      { niceness: 0 },
      { cwdRequired: true },
      { ownSession: false },
      { ownStdin: false },
      { limits: [{ resource: "cpu", soft: 1, hard: undefined }] },
    ] as const
  ) {
    assert.throws(() => slots.fill([{ ...echo("one"), ...differs }]), /in use/);
  }
});

Deno.test("undo() empties the slots that its own filling has filled, and no other", () => {
  using slots = slotsOf(["a", "b", "c"]);
  const [one] = slots.fill([echo("one")]).launchers;
  const { undo } = slots.fill([echo("two"), echo("one"), echo("three")]);
  assert.deepEqual(slots.files(), ["a", "b", "c"]);
  undo();
  assert.deepEqual(slots.files(), ["a"]);
  assert.equal(said(one?.path), "one\n");
  assert.deepEqual(slots.fill([echo("one")]).launchers, [one]);
});

Deno.test("fill() that needs more slots than are free throws and leaves everything as it was", () => {
  using slots = slotsOf(slotNames(true));
  const all = Array.from({ length: maxLaunchers }, (_, index) => echo(`${index}`));
  const { launchers } = slots.fill(all);
  assert.equal(new Set(launchers.map(({ path }) => path)).size, maxLaunchers);
  const before = slots.files();
  assert.equal(before.length, maxLaunchers);
  const full = {
    message: "all 128 launchers are in use: jobs of earlier configurations have not ended",
  };
  assert.throws(() => slots.fill([echo("more")]), full);
  const [first, second] = slots.paths;
  slots.empty(first ?? "");
  assert.throws(() => slots.fill([echo("more"), echo("1"), echo("too many")]), full);
  assert.deepEqual(slots.files(), before.filter((name) => !first?.endsWith(`/${name}`)));
  assert.equal(said(second), "1\n");
  assert.equal(said(slots.fill([echo("more")]).launchers[0]?.path), "more\n");
});

Deno.test("fill() throws and leaves everything as it was if a launcher cannot be made", () => {
  using slots = slotsOf(["a", "b", "c"]);
  slots.fill([echo("one")]);
  assert.throws(() => slots.fill([echo("two"), echo("a\0b")]), /must not contain a NUL/);
  assert.deepEqual(slots.files(), ["a"]);
});

Deno.test("a launcher that cannot be removed is reported; its slot is free, and the others are emptied", () => {
  const programs = new Map<string, Uint8Array>();
  const reported: string[] = [];
  const folder = {
    addFolder() {},
    addProgram: (place: string, bytes: Uint8Array) => void programs.set(place, bytes),
    removeProgram(place: string) {
      if (place.endsWith("a")) throw new Error("Permission denied");
      programs.delete(place);
    },
  } as Partial<ServerFolder> as ServerFolder;
  const form = { holdsAll: true, make: ({ args }: LaunchData) => encoder.encode(args.join()) };
  const slots = createSlots(["a", "b"], form, { path: "/folder", folder }, (slot, error) => {
    reported.push(`${slot}: ${error}`);
  });
  slots.fill([echo("one"), echo("two")]).undo();
  assert.deepEqual(reported, ["/folder/run/a: Error: Permission denied"]);
  assert.deepEqual([...programs.keys()], ["run/a"]);
  assert.equal(slots.fill([echo("three")]).launchers[0]?.path, "/folder/run/a");
  assert.equal(new TextDecoder().decode(programs.get("run/a")), "three");
});

Deno.test("empty() frees a slot for another launcher, which is a new file with a new word", () => {
  using slots = slotsOf(["a"]);
  const [one] = slots.fill([echo("one")]).launchers;
  const path = one?.path ?? "";
  // An open file keeps its inode from being used again.
  using file = Deno.openSync(path);
  slots.empty(path);
  slots.empty(path);
  slots.empty(`${path}-other`);
  assert.deepEqual(slots.files(), []);
  assert.deepEqual(slots.repair(), [], "it is not missed");
  const [two] = slots.fill([echo("two")]).launchers;
  assert.equal(two?.path, path);
  assert.notEqual(two?.word, one?.word);
  assert.equal(said(path), "two\n");
  assert.notEqual(Deno.statSync(path).ino, file.statSync().ino);
});

Deno.test("a launcher that was changed is repaired with its own content", () => {
  using slots = slotsOf(["a", "b"]);
  const [one, two] = slots.fill([echo("one"), echo("two")]).launchers;
  Deno.removeSync(one?.path ?? "");
  Deno.copyFileSync("/bin/true", `${two?.path}.other`);
  Deno.renameSync(`${two?.path}.other`, two?.path ?? "");
  assert.deepEqual(slots.repair(), [one?.path, two?.path]);
  assert.deepEqual([said(one?.path), said(two?.path)], ["one\n", "two\n"]);
});

const date = { program: "/bin/date", args: ["-u"] };

Deno.test("launchOf() without settings of a command changes the soft limit of open files and nothing else", () => {
  const env = {
    PATH: "/bin",
    JOBRUNNER_LOG_LEVEL: "info",
    TRACESTATE: "x",
    JOBRUNNER_PASSWORD: "p",
  };
  const own = { ownSession: true, ownStdin: true };
  assert.deepEqual(launchOf(date, asTheServer, env, own), {
    ...date,
    ...own,
    cwd: Deno.cwd(),
    cwdRequired: false,
    umask: undefined,
    niceness: undefined,
    limits: [{ resource: "openFiles", soft: 1024, hard: undefined }],
    env: { PATH: "/bin" },
  });
});

Deno.test("launchOf() has the folder, umask, limits and variables of a command; its niceness counts from the server's", () => {
  const launch = {
    inheritEnv: ["B"],
    env: { OWN: "own" },
    workingDirectory: "/srv/{worker_id}/{worker_id}",
    umask: 0o027,
    nice: 3,
    limits: { memoryBytes: 1, cpuSec: 2, fileBytes: 3, openFiles: 4 },
  };
  const id = workerIdPlaceholder;
  const own = { ownSession: false, ownStdin: false };
  assert.deepEqual(launchOf(date, launch, { A: "a", B: "b" }, own), {
    ...date,
    ...own,
    cwd: `/srv/${id}/${id}`,
    cwdRequired: true,
    umask: 0o027,
    niceness: Math.min(19, getPriority() + 3),
    limits: [
      { resource: "openFiles", soft: 4, hard: undefined },
      { resource: "memory", soft: 1, hard: 1 },
      { resource: "cpu", soft: 2, hard: 3 },
      { resource: "fileSize", soft: 3, hard: 3 },
    ],
    env: { B: "b", OWN: "own" },
  });
  assert.equal(launchOf(date, { ...launch, nice: 19 + 20 }, {}, own).niceness, 19);
});
