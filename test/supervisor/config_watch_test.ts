import assert from "node:assert/strict";
import { digestOf } from "../../src/supervisor/config_reader.ts";
import { createConfigWatch } from "../../src/supervisor/config_watch.ts";
import { temporaryFolder } from "../support/folder.ts";

/** Timers that the test lets expire; there is at most one at a time. */
interface TimerByHand extends Disposable {
  /** Its length in milliseconds; undefined without one. */
  readonly ms: number | undefined;
  /** Lets it expire. */
  expire(): void;
}

function timerByHand(): TimerByHand {
  const { setTimeout, clearTimeout } = globalThis;
  let timer: { readonly id: number; readonly ms: number; act(): void } | undefined;
  let lastId = 0;
  Object.assign(globalThis, {
    setTimeout(act: () => void, ms: number) {
      assert.equal(timer, undefined, "one at a time");
      timer = { id: ++lastId, ms, act };
      return lastId;
    },
    clearTimeout(id: number | undefined) {
      if (timer?.id === id) timer = undefined;
    },
  });
  return {
    get ms() {
      return timer?.ms;
    },
    expire() {
      const expired = timer;
      assert.ok(expired, "there is a timer");
      timer = undefined;
      expired.act();
    },
    [Symbol.dispose]: () => void Object.assign(globalThis, { setTimeout, clearTimeout }),
  };
}

const everyMs = 3000;
const settleMs = 200;

/** A watch of one file, with how often it reported a change. */
function setUp() {
  const folder = temporaryFolder();
  const timer = timerByHand();
  const path = `${folder.path}/jobrunner.toml`;
  let changes = 0;
  const watch = createConfigWatch(() => changes++);
  return {
    folder: folder.path,
    path,
    timer,
    watch,
    watchNow: (ms = everyMs, paths = [path]) =>
      watch.watch(new Map(paths.map((path) => [path, digestOf(path)])), ms),
    write: (text: string) => Deno.writeTextFileSync(path, text),
    get changes() {
      return changes;
    },
    [Symbol.dispose]() {
      watch[Symbol.dispose]();
      assert.equal(timer.ms, undefined, "no timer is left");
      timer[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}

Deno.test("a watched file that stays as it is causes looks, and no change", () => {
  using watched = setUp();
  const { timer, write, watchNow } = watched;
  write("a");
  watchNow();
  for (let look = 0; look < 3; look++) {
    assert.equal(timer.ms, everyMs);
    write("a");
    timer.expire();
  }
  assert.equal(watched.changes, 0);
});

Deno.test("a change is reported once, after two looks have found the same", () => {
  using watched = setUp();
  const { timer, write, watchNow } = watched;
  write("a");
  watchNow();
  write("b");
  timer.expire();
  assert.deepEqual([watched.changes, timer.ms], [0, settleMs]);
  timer.expire();
  assert.deepEqual([watched.changes, timer.ms], [1, everyMs]);
  for (let look = 0; look < 3; look++) timer.expire();
  assert.equal(watched.changes, 1);
});

Deno.test("a file that is still being written is reported when it is complete", () => {
  using watched = setUp();
  const { timer, write, watchNow } = watched;
  write("");
  watchNow();
  for (let length = 1; length <= 5; length++) {
    write("half-written".slice(0, length));
    timer.expire();
    assert.deepEqual([watched.changes, timer.ms], [0, settleMs]);
  }
  timer.expire();
  assert.equal(watched.changes, 1);
});

Deno.test("a change that is taken back while it settles is none", () => {
  using watched = setUp();
  const { timer, write, watchNow } = watched;
  write("a");
  watchNow();
  write("b");
  timer.expire();
  write("a");
  timer.expire();
  timer.expire();
  assert.deepEqual([watched.changes, timer.ms], [0, everyMs]);
});

Deno.test("a file that is removed, comes back, or is replaced by another one is a change each time", () => {
  using watched = setUp();
  const { folder, path, timer, write, watchNow } = watched;
  write("a");
  watchNow();
  const acts = [
    () => Deno.removeSync(path),
    () => write("a"),
    () => {
      Deno.writeTextFileSync(`${folder}/new`, "b");
      Deno.renameSync(`${folder}/new`, path);
    },
    () => {
      Deno.removeSync(path);
      Deno.mkdirSync(path);
    },
  ];
  for (const [index, act] of acts.entries()) {
    act();
    timer.expire();
    timer.expire();
    assert.equal(watched.changes, index + 1);
  }
});

Deno.test("a ConfigMap is noticed when Kubernetes swaps the link to its folder", () => {
  using watched = setUp();
  const { folder, path, timer, watchNow } = watched;
  const publish = (version: string, text: string) => {
    Deno.mkdirSync(`${folder}/..${version}`);
    Deno.writeTextFileSync(`${folder}/..${version}/jobrunner.toml`, text);
    Deno.symlinkSync(`..${version}`, `${folder}/..data_tmp`);
    Deno.renameSync(`${folder}/..data_tmp`, `${folder}/..data`);
  };
  publish("1", "a");
  Deno.symlinkSync("..data/jobrunner.toml", path);
  watchNow();
  for (const [version, changes] of [["2", 1], ["3", 2]] as const) {
    publish(version, version);
    timer.expire();
    timer.expire();
    assert.equal(watched.changes, changes);
  }
  publish("4", "3");
  timer.expire();
  assert.deepEqual([watched.changes, timer.ms], [2, everyMs], "the same content is no change");
});

Deno.test("each of several files is watched, and several changes at once are one", () => {
  using watched = setUp();
  const { folder, path, timer, write, watchNow } = watched;
  const secret = `${folder}/password`;
  write("a");
  watchNow(everyMs, [path, secret]);
  Deno.writeTextFileSync(secret, "hunter2");
  timer.expire();
  timer.expire();
  assert.equal(watched.changes, 1);
  write("b");
  Deno.removeSync(secret);
  timer.expire();
  timer.expire();
  assert.equal(watched.changes, 2);
});

Deno.test("watch() replaces files and times, also while a change settles; 0 turns the watch off", () => {
  using watched = setUp();
  const { timer, write, watchNow } = watched;
  write("a");
  watchNow();
  write("b");
  timer.expire();
  assert.equal(timer.ms, settleMs);
  watchNow(7);
  assert.equal(timer.ms, 7);
  timer.expire();
  assert.deepEqual([watched.changes, timer.ms], [0, 7]);
  watchNow(0);
  assert.equal(timer.ms, undefined);
  watchNow(7);
  assert.equal(timer.ms, 7);
});

Deno.test("onChanged may call watch()", () => {
  using watched = setUp();
  const { folder, path, timer, write } = watched;
  write("a");
  const files = () => new Map([[path, digestOf(path)]]);
  using again = createConfigWatch(() => {
    Deno.writeTextFileSync(`${folder}/seen`, Deno.readTextFileSync(path));
    again.watch(files(), 9);
  });
  again.watch(files(), everyMs);
  write("b");
  timer.expire();
  timer.expire();
  assert.equal(timer.ms, 9);
  assert.equal(Deno.readTextFileSync(`${folder}/seen`), "b");
});
