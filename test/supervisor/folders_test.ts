import { dirname } from "node:path";
import assert from "node:assert/strict";
import { type Folders, openFolders, type Renewal } from "../../src/supervisor/folders.ts";
import { temporaryFolder } from "../support/folder.ts";
import { configOfFile } from "../support/machine.ts";

/** A configuration whose commands print these texts. */
function printing(spool: string, ...texts: readonly string[]) {
  const tables = texts.map((text) => `[commands.${text}]\ncmd = "/bin/echo ${text}"\n`);
  return configOfFile(tables.join(""), {
    env: { JOBRUNNER_SPOOL_DIR: spool },
    disk: { [spool]: "folder", "/bin/echo": "executable" },
  });
}

/** Nothing is to be logged. */
const noLog = {
  write: (message: string) => assert.fail(message),
  flush: () => Promise.resolve(),
};

/** Folders of a server with such a configuration. */
function foldersOf(...texts: readonly string[]): Folders & Disposable & {
  /** Renews them for commands that print these texts. */
  readonly print: (...texts: readonly string[]) => Renewal;
  /** What the launchers that there are print. */
  readonly said: () => string[];
} {
  const temporary = temporaryFolder();
  const folders = openFolders(printing(temporary.path, ...texts), {}, noLog);
  return {
    ...folders,
    print: (...texts) => folders.renew(printing(temporary.path, ...texts)),
    said: () =>
      folders.start.programs.flatMap((path) => {
        try {
          const { stdout } = new Deno.Command(path, { clearEnv: true }).outputSync();
          return new TextDecoder().decode(stdout).trim();
        } catch (error) {
          assert.ok(error instanceof Deno.errors.NotFound);
          return [];
        }
      }).sort(),
    [Symbol.dispose]() {
      folders.close();
      assert.deepEqual([...Deno.readDirSync(temporary.path)], [], "nothing is left");
      temporary[Symbol.dispose]();
    },
  };
}

const launcherOf = ({ starts }: Pick<Renewal, "starts">, index = 0) =>
  starts[index]?.launcher?.path ?? assert.fail("there is no launcher");

Deno.test("openFolders() makes a launcher for each command, and removes all folders when it is closed", () => {
  using folders = foldersOf("one", "two");
  assert.deepEqual(folders.said(), ["one", "two"]);
  assert.deepEqual(folders.start.starts.map(({ name }) => name), ["one", "two"]);
});

Deno.test("the service is given no value of env that its launcher holds", () => {
  using temporary = temporaryFolder();
  const spool = temporary.path;
  const config = configOfFile(
    '[commands.a]\ncmd = "/bin/echo"\nenv = { TOKEN = "hunter2", LANG = "hunter2" }\n',
    { env: { JOBRUNNER_SPOOL_DIR: spool }, disk: { [spool]: "folder", "/bin/echo": "executable" } },
  );
  const folders = openFolders(config, { LANG: "C" }, noLog);
  try {
    for (const given of [folders.start, folders.renew(config)]) {
      assert.ok(!JSON.stringify(given).includes("hunter2"));
    }
  } finally {
    folders.close();
  }
});

Deno.test("renew() keeps the launchers of earlier configurations until they are freed", () => {
  using folders = foldersOf("one", "two");
  const { starts } = folders.print("two", "three");
  assert.deepEqual(folders.said(), ["one", "three", "two"]);
  assert.equal(starts[0]?.launcher?.path, launcherOf(folders.start, 1), "it is the same command");
  folders.free(launcherOf(folders.start, 0));
  assert.deepEqual(folders.said(), ["three", "two"]);
  folders.free(launcherOf(folders.start, 1));
  assert.deepEqual(folders.said(), ["three", "two"], "the latest configuration needs it");
});

Deno.test("undo() of a renewal removes what was made for it alone", () => {
  using folders = foldersOf("one");
  const renewal = folders.print("one", "two");
  renewal.undo();
  assert.deepEqual(folders.said(), ["one"]);
  folders.free(launcherOf(folders.start));
  assert.deepEqual(folders.said(), ["one"], "it is needed as before");
});

Deno.test("undo() of a renewal also removes a launcher that was not needed any more meanwhile", () => {
  using folders = foldersOf("one");
  folders.print("two");
  const again = folders.print("two", "one");
  // The last job of the first configuration ends.
  folders.free(launcherOf(folders.start));
  assert.deepEqual(folders.said(), ["one", "two"]);
  again.undo();
  assert.deepEqual(folders.said(), ["two"]);
});

Deno.test("renew() that fails changes nothing", () => {
  using folders = foldersOf("one");
  const many = (from: number) => Array.from({ length: 64 }, (_, index) => `c${from + index}`);
  folders.print(...many(0));
  assert.throws(() => folders.print(...many(100)), /launchers are in use/);
  folders.free(launcherOf(folders.start));
  assert.equal(folders.said().length, 64);
});

Deno.test("renew() gives each command its name and, to those that are started in the same way, one launcher", () => {
  using temporary = temporaryFolder();
  const same = ["a", "b"].map((name) => `[commands.${name}]\ncmd = "/bin/date"\n`).join("");
  const env = { JOBRUNNER_SPOOL_DIR: temporary.path };
  const config = configOfFile(same, { env, disk: { [temporary.path]: "folder" } });
  const folders = openFolders(config, {}, noLog);
  try {
    const renewal = folders.renew(config);
    assert.deepEqual(renewal.starts.map(({ name }) => name), ["a", "b"]);
    assert.equal(launcherOf(renewal, 0), launcherOf(renewal, 1));
  } finally {
    folders.close();
  }
});

Deno.test("renew() without launchers refuses what needs one, or was not granted at the start", () => {
  using temporary = temporaryFolder();
  // No parent allows programs to run, so there are no launchers.
  const without = {
    spool: { parent: temporary.path, maxBytes: undefined },
    launcher: { ownSession: false, parents: [] },
  };
  const configOfA = (lines: string) => ({
    ...configOfFile(`[commands.a]\n${lines}\n`, { disk: { "/bin/other": "executable" } }),
    ...without,
  });
  const folders = openFolders(configOfA('cmd = "/bin/date"'), {}, noLog);
  try {
    assert.deepEqual(folders.start.programs, ["/bin/date"]);
    for (
      const [lines, reason] of [
        ['cmd = "/bin/date"\nnice = 1', /commands\.a: umask, nice and limit_\* need a launcher/],
        ['cmd = "/bin/other"', /commands\.a: \/bin\/other was not a command's program/],
      ] as const
    ) assert.throws(() => folders.renew(configOfA(lines)), reason);
    const { starts } = folders.renew(configOfA('cmd = "/bin/date x"'));
    assert.equal(starts[0]?.launcher, undefined);
  } finally {
    folders.close();
  }
});

Deno.test("renew() repairs what a job has damaged first", () => {
  using temporary = temporaryFolder();
  const repaired: unknown[] = [];
  const folders = openFolders(printing(temporary.path, "one"), {}, {
    ...noLog,
    write: (_message, fields) => void repaired.push(fields?.["file.path"]),
  });
  try {
    const path = launcherOf(folders.start);
    const run = dirname(path);
    Deno.removeSync(run, { recursive: true });
    Deno.writeTextFileSync(run, "");
    folders.renew(printing(temporary.path, "one", "two"));
    assert.deepEqual(repaired, [run, path]);
  } finally {
    folders.close();
  }
});
