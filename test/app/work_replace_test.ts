import assert from "node:assert/strict";
import { type Served, startWork } from "../../src/app/work.ts";
import type { MainAbilities } from "../../src/isolate/abilities.ts";
import { askHere } from "../../src/isolate/ask.ts";
import type { JobOutcome } from "../../src/jobs/job.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { specOf } from "../support/jobs.ts";
import { configOfFile } from "../support/machine.ts";
import { fixture } from "../support/program.ts";
import { temporarySpool } from "../support/spool.ts";
import { nextTurn } from "../support/turn.ts";

/** A command: its pool unless it has one of its own, the path of its launcher, and other lines of its table. */
interface Given {
  readonly pool?: string;
  readonly launcher?: string;
  readonly more?: string;
}

const shell = fixture("run_payload.sh");

/** Settings with these commands, in pools with so many workers. */
function settingsOf(commands: Readonly<Record<string, Given>>, workers = 1): Served {
  const pools = new Set(Object.values(commands).flatMap(({ pool }) => pool ?? []));
  const toml = [
    `num_workers = ${workers}`,
    ...Object.entries(commands).flatMap(([name, { pool, more = "" }]) => [
      `[commands.${name}]\ncmd = "${shell}"\n${more}`,
      ...(pool === undefined ? [] : [`pool = "${pool}"`]),
    ]),
    ...[...pools].map((pool) => `[pools.${pool}]`),
  ].join("\n");
  const config = configOfFile(toml, { disk: { [shell]: "executable" } });
  return {
    config,
    starts: config.commands.map(({ name }) => {
      const path = commands[name]?.launcher;
      const launcher = path === undefined ? undefined : { path, word: "word", holdsAll: true };
      return { name, launcher, env: { PATH: Deno.env.get("PATH") ?? "" } };
    }),
  };
}

/** The commands and pools of a service whose main notes which launchers are freed. */
function setUp(first: Served) {
  const temporary = temporarySpool();
  const freed: string[] = [];
  const announced: string[] = [];
  const nothing = { jobStarted() {}, jobEnded() {}, waited() {} };
  const valuesIn = { add() {}, summary: () => ({ count: 0, quantile: () => undefined }) };
  const ask = askHere<MainAbilities>({
    end_tree: () => undefined,
    measure: () => assert.fail(),
    find_gone: () => assert.fail(),
    repair: () => undefined,
    publish_socket: () => undefined,
    free_launcher: ({ path }) => void freed.push(path),
  });
  const work = startWork(first, {
    spool: temporary.spool.path,
    ask,
    listeners: {
      log: { write() {}, flush: () => Promise.resolve() },
      metrics: {
        announce: ({ names, numWorkers }) =>
          void announced.push(`${names?.command} in ${names?.pool}: ${numWorkers}`),
        of: () => nothing,
        rejected() {},
        warmOf: () => assert.fail("no command is warm"),
        requestArrived() {},
        requestAnswered() {},
        outcomes: () => assert.fail(),
        rejections: () => assert.fail(),
      },
      tracing: {
        begin: () => undefined,
        beginRun: () => assert.fail(),
        waited: () => assert.fail(),
        close: () => Promise.resolve(),
      },
      recent: { queuedSec: valuesIn, elapsedSec: valuesIn },
    },
  });

  /** The current version of a command; the test must release it. */
  function use(name: string) {
    const command = work.use(name);
    assert.ok(command, `there is ${name}`);
    return command;
  }

  return {
    work,
    use,
    freed,
    announced,
    pools: () => work.pools.map(({ config }) => `${config.name} ${config.numWorkers}`),
    /** Runs a script as a request would. */
    async run(name: string, script = "true"): Promise<JobOutcome> {
      const command = use(name);
      try {
        const place = await command.reserve({ command: name });
        assert.ok(place.reserved);
        const bytes = new TextEncoder().encode(script);
        const { version } = command;
        return await place.fill(specOf(name, { version, input: { kind: "bytes", bytes } }));
      } finally {
        command.release();
      }
    },
    async [Symbol.asyncDispose]() {
      await work.close();
      temporary[Symbol.dispose]();
    },
  };
}

Deno.test("replace() keeps the version of a command that stays as it is, and makes a new one of any other", async () => {
  const before = settingsOf({ same: {}, other: {}, moves: {}, restarts: { launcher: "/1" } });
  await using set = setUp(before);
  const versionOf = (name: string) => {
    const command = set.use(name);
    command.release();
    return command.version;
  };
  const names = ["same", "other", "moves", "restarts"];
  const [same, ...others] = names.map(versionOf);
  set.work.replace(settingsOf({
    moves: { pool: "p" },
    same: {},
    other: { more: "job_timeout_sec = 5" },
    restarts: { launcher: "/2" },
  }, 3));
  const [sameNow, ...othersNow] = names.map(versionOf);
  assert.equal(sameNow, same);
  assert.equal(new Set([...others, ...othersNow, same]).size, 7, "no two share a number");
});

Deno.test("use() finds the default command, and none that is gone; who has found one keeps it", async () => {
  await using set = setUp(settingsOf({ default: {}, goes: { more: "max_request_bytes = 5" } }));
  const { work, use } = set;
  assert.equal(work.use()?.name, "default");
  const found = use("goes");
  work.replace(settingsOf({ stays: {} }));
  assert.equal(work.use(), undefined);
  assert.equal(work.use("goes"), undefined);
  assert.equal(found.maxRequestBytes, 5);
  const place = await found.reserve({ command: "goes" });
  assert.ok(place.reserved);
  place.leave();
  found.release();
});

Deno.test("a launcher is freed when its command is gone and the last request that uses it is over", async () => {
  const old = { launcher: "/old" };
  await using set = setUp(settingsOf({ a: old }));
  const { work, use, freed } = set;
  const [one, two] = [use("a"), use("a")];
  work.replace(settingsOf({ a: { launcher: "/new" } }));
  one.release();
  assert.deepEqual(freed, []);
  two.release();
  assert.deepEqual(freed, ["/old"]);
  work.replace(settingsOf({ b: {} }));
  assert.deepEqual(freed, ["/old", "/new"]);
});

Deno.test("a launcher that several commands or versions share is freed once, after the last of them", async () => {
  const shared = { launcher: "/shared" };
  await using set = setUp(settingsOf({ a: shared, b: shared }));
  const { work, use, freed } = set;
  const a = use("a");
  work.replace(settingsOf({ b: { ...shared, more: "job_timeout_sec = 5" } }));
  const b = use("b");
  work.replace(settingsOf({ c: {} }));
  a.release();
  assert.deepEqual(freed, []);
  b.release();
  assert.deepEqual(freed, ["/shared"]);
});

Deno.test("a launcher that a configuration uses again while a request still does is not freed", async () => {
  const again = { launcher: "/again" };
  await using set = setUp(settingsOf({ a: again }));
  const { work, use, freed } = set;
  const found = use("a");
  work.replace(settingsOf({ b: {} }));
  work.replace(settingsOf({ a: again }));
  assert.notEqual(use("a").version, found.version);
  found.release();
  assert.deepEqual(freed, []);
});

Deno.test("a pool is gone when no command and no request needs it; one that comes back meanwhile is the same", async () => {
  await using set = setUp(settingsOf({ a: {}, b: { pool: "p" }, c: { pool: "p" } }));
  const { work, use, pools } = set;
  const found = use("a");
  const [live] = work.pools;
  work.replace(settingsOf({ b: { pool: "p" } }, 2));
  assert.deepEqual(pools(), ["a 1", "p 2"], "a keeps its size");
  work.replace(settingsOf({ a: {}, c: { pool: "p" } }, 3));
  assert.deepEqual(pools(), ["a 3", "p 3"]);
  assert.equal(work.pools[0], live);
  work.replace(settingsOf({ c: {} }, 3));
  assert.deepEqual(pools(), ["a 3", "c 3"]);
  found.release();
  assert.deepEqual(pools(), ["c 3"]);
  work.replace(settingsOf({ a: {} }));
  assert.deepEqual(pools(), ["a 1"]);
  assert.notEqual(work.pools[0], live);
});

Deno.test("a job runs in the version that it was admitted with, although its command is gone", async () => {
  using folder = temporaryFolder();
  const { path } = folder;
  await using set = setUp(settingsOf({ a: { more: "max_output_bytes = 3" } }));
  const hold = `: >${path}/started; while [ ! -e ${path}/gate ]; do sleep 0.02; done; echo 123456`;
  const running = set.run("a", hold);
  await fileExists(`${path}/started`);
  const waiting = set.run("a", "echo 654321");
  set.work.replace(settingsOf({ a: { more: "max_output_bytes = 5" } }));
  const later = set.run("a", "echo abcdef");
  Deno.writeTextFileSync(`${path}/gate`, "");
  const outputs = (await Promise.all([running, waiting, later])).map((outcome) => {
    assert.equal(outcome.kind, "ran");
    return new TextDecoder().decode(
      outcome.kind === "ran" ? outcome.result.output.bytes : undefined,
    );
  });
  assert.deepEqual(outputs, ["123", "654", "abcde"]);
});

Deno.test("started counts the jobs of pools that are gone, too", async () => {
  await using set = setUp(settingsOf({ a: {}, b: {} }));
  const { work, run, pools } = set;
  await Promise.all([run("a"), run("b"), run("a")]);
  work.replace(settingsOf({ b: {} }));
  assert.deepEqual(pools(), ["b 1"]);
  await run("b");
  assert.equal(work.started, 4);
  work.replace(settingsOf({ a: {} }));
  await run("a");
  assert.equal(work.started, 5);
});

Deno.test("replace() announces the names of every command with the workers of its pool", async () => {
  await using set = setUp(settingsOf({ a: {}, b: { pool: "p" } }, 2));
  assert.deepEqual(set.announced.splice(0), ["a in a: 2", "b in p: 2"]);
  set.work.replace(settingsOf({ a: {}, c: { pool: "p" } }, 5));
  assert.deepEqual(set.announced, ["a in a: 5", "c in p: 5"]);
});

Deno.test("cut() and close() reach the pools that an earlier configuration has left", async () => {
  using folder = temporaryFolder();
  const { path } = folder;
  await using set = setUp(settingsOf({ a: {} }));
  const running = set.run(
    "a",
    `: >${path}/started; while [ ! -e ${path}/gate ]; do sleep 0.02; done`,
  );
  await fileExists(`${path}/started`);
  const waiting = set.run("a");
  await nextTurn();
  set.work.replace(settingsOf({ b: {} }));
  assert.deepEqual(set.work.cut(), { running: 1, waiting: 1 });
  // The end of processes is main's work, and this main does nothing.
  Deno.writeTextFileSync(`${path}/gate`, "");
  await set.work.close();
  assert.deepEqual([(await running).kind, (await waiting).kind], ["ran", "left"]);
});
