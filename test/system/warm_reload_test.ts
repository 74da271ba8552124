/**
 * A reload while warm processes wait and work.
 */

import assert from "node:assert/strict";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { tomlString } from "../support/named.ts";
import { freePort } from "../support/port.ts";
import { childrenOf, eventually, isAlive } from "../support/processes.ts";
import { fixture } from "../support/program.ts";
import { isReloaded, type Reloads, withFile } from "../support/reload.ts";
import {
  hasEnded,
  idlePids,
  plain,
  runPython,
  warmCounts,
  warmPids,
} from "../support/warm_program.ts";

/** The table of a command, warm unless said otherwise, whose jobs find the token in their environment. */
function python(name: string, token: string, ...more: readonly string[]): string {
  return [
    `[commands.${name}]`,
    `cmd = ${tomlString(runPython)}`,
    `env = { TOKEN = "${token}" }`,
    ...(more.includes("warm = false") ? [] : ["warm = true"]),
    ...more,
    "",
  ].join("\n");
}

const three = "num_workers = 3";

const show = 'print(os.environ["TOKEN"], os.getpid())';

async function reloadTo(toml: string, { reload }: Reloads): Promise<void> {
  const lines = await reload(toml);
  assert.ok(isReloaded(lines), lines.join("\n"));
}

/** Runs the program with a file that has warm commands. */
function withWarm(
  toml: string,
  act: (reloads: Reloads) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  return withFile(toml, act, { env, staysWarm: true });
}

/** Whether two lists have no process in common. */
function areOthers(some: readonly number[], others: readonly number[]): boolean {
  return some.every((pid) => !others.includes(pid));
}

Deno.test("a changed command gets new processes: idle ones are replaced at once, a busy one after its job", async () => {
  await withWarm(python("a", "old", three), async (reloads) => {
    const { url, folder, run } = reloads;
    const before = await idlePids(url, 3);
    const running = run(
      "a",
      `open("${folder}/started", "w").close(); wait_for("${folder}/release"); ${show}`,
    );
    await fileExists(`${folder}/started`);
    await reloadTo(python("a", "new", three), reloads);
    await eventually("two are replaced", async () => {
      const now = await warmPids(url);
      return now.length === 3 && now.filter((pid) => before.includes(pid)).length === 1;
    });
    const [busy] = (await warmPids(url)).filter((pid) => before.includes(pid));
    Deno.writeTextFileSync(`${folder}/release`, "");
    assert.equal((await running).output, `old ${busy}\n`);
    await eventually("all are replaced", async () => {
      const now = await idlePids(url, 3);
      return areOthers(now, before);
    });
    for (const pid of before) await hasEnded(pid);
    const { output, json } = await run("a", show);
    assert.match(output, /^new \d+\n$/);
    assert.equal(json["warm"], true);
    const { starts, ends } = await warmCounts(url);
    assert.deepEqual([starts, ends], [{ boot: 5, ahead: 1 }, { recycled: 3 }]);
  });
});

Deno.test("no job is lost or gets a wrong command while reloads change the command all the time", async () => {
  await withWarm(python("a", "0", three), async (reloads) => {
    const { url, run } = reloads;
    let latest = 0;
    let isOver = false;
    let jobs = 0;
    const clients = Array.from({ length: 6 }, async () => {
      while (!isOver) {
        const earliest = latest;
        const { status, output, error, json } = await run("a", show);
        assert.deepEqual([status, error, json["exit_status"]], [200, "", 0]);
        const token = Number(output.split(" ")[0]);
        assert.ok(token >= earliest && token <= latest + 1, `${token} of ${earliest} to ${latest}`);
        jobs++;
      }
    });
    for (let round = 1; round <= 8; round++) {
      const before = jobs;
      await reloadTo(python("a", String(round), three), reloads);
      latest = round;
      await eventually("jobs go on", () => jobs > before + 20);
    }
    isOver = true;
    await Promise.all(clients);
    const pids = await idlePids(url, 3);
    assert.deepEqual(pids.filter(isAlive), pids);
    const counts = await warmCounts(url);
    assert.deepEqual(Object.keys(counts.ends), ["recycled"]);
    assert.equal(counts.strayBytes, 0);
  });
});

Deno.test("a reload of something else keeps the processes: password, certificate, limits and queue", async () => {
  using temporary = temporaryFolder();
  const at = (name: string) => `${temporary.path}/${name}`;
  const putPair = (cert: string, key: string) => {
    Deno.copyFileSync(fixture(`tls/${cert}.pem`), at("cert.pem"));
    Deno.copyFileSync(fixture(`tls/${key}.pem`), at("key.pem"));
  };
  const head = [
    `tls_cert_file = ${tomlString(at("cert.pem"))}`,
    `tls_key_file = ${tomlString(at("key.pem"))}`,
    `password_file = ${tomlString(at("password"))}`,
    "",
  ].join("\n");
  putPair("cert", "key");
  Deno.writeTextFileSync(at("password"), "one");
  await withWarm(head + python("a", "same", three), async (reloads) => {
    const { program: { pid } } = reloads;
    await eventually("three are there", () => childrenOf(pid).length === 3);
    const before = childrenOf(pid);
    putPair("self_signed", "self_signed_key");
    await reloadTo(head + python("a", "same", three), reloads);
    Deno.writeTextFileSync(at("password"), "two");
    await reloadTo(head + python("a", "same", three), reloads);
    const limits = ["queue_limit = 1", "job_timeout_sec = 60", "max_output_bytes = 1000"];
    await reloadTo(
      head + python("a", "same", three, ...limits, "warm_max_jobs = 5", 'description = "new"'),
      reloads,
    );
    await reloadTo(head + python("a", "same", three), reloads);
    assert.deepEqual(childrenOf(pid), before);
    // Only a port that is configured can be opened again.
  }, { JOBRUNNER_HTTP_LISTEN_PORT: String(freePort()) });
});

Deno.test("the processes of a command that a reload removes end at once", async () => {
  const kept = python("kept", "kept", "num_workers = 1");
  const both = kept + python("removed", "removed", "num_workers = 2");
  await withWarm(both, async (reloads) => {
    const { url, program: { pid } } = reloads;
    const before = await idlePids(url, 3);
    await reloadTo(kept, reloads);
    await eventually("two have ended", () => childrenOf(pid).length === 1);
    assert.ok(before.includes((await idlePids(url, 1))[0] ?? 0));
  });
});

Deno.test("a reload switches a command between cold and warm", async () => {
  const cold = python("a", "cold", three, "warm = false");
  await withWarm(cold, async (reloads) => {
    const { url, run, program: { pid } } = reloads;
    assert.deepEqual(childrenOf(pid), []);
    await reloadTo(python("a", "warm", three), reloads);
    const pids = await idlePids(url, 3);
    const warm = await run("a", show);
    assert.deepEqual([warm.json["warm"], warm.output.split(" ")[0]], [true, "warm"]);
    assert.ok(pids.includes(Number(warm.output.split(" ")[1])));
    await reloadTo(cold, reloads);
    await eventually("none is left", () => childrenOf(pid).length === 0);
    assert.deepEqual(await warmPids(url), []);
    const { status, json } = await run("a", show);
    assert.deepEqual([status, json["warm"]], [200, undefined]);
  });
});

Deno.test("a reload of the number of workers starts the processes of new ones and ends those of others", async () => {
  await withWarm(python("a", "a", "num_workers = 1"), async (reloads) => {
    const { url, program: { pid } } = reloads;
    const first = await idlePids(url, 1);
    await reloadTo(python("a", "a", "num_workers = 4"), reloads);
    const four = await idlePids(url, 4);
    assert.deepEqual(four.slice(0, 1), first);
    await reloadTo(python("a", "a", "num_workers = 2"), reloads);
    await eventually("two are left", () => childrenOf(pid).length === 2);
    assert.deepEqual(await idlePids(url, 2), four.slice(0, 2));
  });
});

Deno.test("limits of a process that a reload changes hold for processes that are there", async () => {
  await withWarm(python("a", "a", "num_workers = 1"), async (reloads) => {
    const { url, run } = reloads;
    const [pid] = await idlePids(url, 1);
    for (const count of [1, 2, 3]) {
      assert.equal((await run("a", plain)).output, `${count} ${pid} test\n`);
    }
    await reloadTo(python("a", "a", "num_workers = 1", "warm_max_jobs = 4"), reloads);
    assert.equal((await run("a", plain)).output, `4 ${pid} test\n`);
    await eventually("it is replaced", async () => areOthers(await idlePids(url, 1), [pid ?? 0]));
    await reloadTo(python("a", "a", "num_workers = 1", "warm_max_age_sec = 0.1"), reloads);
    const [young] = await idlePids(url, 1);
    await hasEnded(young ?? 0);
  });
});

Deno.test("no worker of a pool has two processes at once, whichever of its commands it runs, warm or cold", async () => {
  using locks = temporaryFolder();
  const table = (name: string, ...more: readonly string[]) =>
    [
      `[commands.${name}]`,
      `cmd = ${tomlString(fixture("warm/hold_worker_lock.sh"))}`,
      `env = { LOCKS = ${tomlString(locks.path)} }`,
      'pool = "shared"',
      ...more,
      "",
    ].join("\n");
  const pool = "[pools.shared]\nnum_workers = 2\nqueue_limit = 100\n";
  const both = table("first", "warm = true") + table("second", "warm = true");
  const toml = both + table("cold") + pool;
  await withWarm(toml, async (reloads) => {
    const { url, run, program } = reloads;
    assert.deepEqual(await warmPids(url), [], "which command comes first is not known");
    for (const name of ["first", "second", "first"]) {
      const script = "print(job['JOBRUNNER_COMMAND'], os.getpid())";
      const one = await run(name, script);
      const two = await run(name, script);
      assert.equal(one.output.split(" ")[0], name);
      assert.deepEqual([one.json["exit_status"], two.json["exit_status"]], [0, 0]);
    }
    const names = ["first", "second", "cold"];
    const answers = await Promise.all(
      Array.from(
        { length: 90 },
        (_, index) =>
          run(names[(index * 7 + (index >> 2)) % names.length], index % 9 ? plain : "os._exit(3)"),
      ),
    );
    for (const { status, error, json } of answers) {
      assert.deepEqual([status, error], [200, ""]);
      assert.ok([0, 3].includes(json["exit_status"] as number), JSON.stringify(json));
    }
    const { ends } = await warmCounts(url);
    assert.equal(ends["idle_death"], undefined, program.log.join("\n"));
  });
});
