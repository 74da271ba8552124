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

/** Folders of a server with such a configuration; nothing is to be logged. */
function foldersOf(...texts: readonly string[]): Folders & Disposable & {
  /** Renews them for commands that print these texts. */
  readonly print: (...texts: readonly string[]) => Renewal;
  /** What the launchers that there are print. */
  readonly said: () => string[];
} {
  const temporary = temporaryFolder();
  const log = {
    write: (message: string) => assert.fail(message),
    configure: () => assert.fail("the log is not configured"),
    flush: () => Promise.resolve(),
  };
  const folders = openFolders(printing(temporary.path, ...texts), {}, log);
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
