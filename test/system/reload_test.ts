/**
 * A reload while jobs wait and run: they keep what they were admitted with.
 */

import assert from "node:assert/strict";
import { headOf, post, say, scrape, type Status, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";
import { fixture } from "../support/program.ts";
import {
  commandTable,
  held,
  isReloaded,
  launchersIn,
  type Reloads,
  showToken,
  withFile,
} from "../support/reload.ts";

const one = "num_workers = 1";

async function reloadTo(toml: string, { reload }: Reloads): Promise<void> {
  const lines = await reload(toml);
  assert.ok(isReloaded(lines), lines.join("\n"));
}

async function statusIs(url: string, holds: (status: Status) => boolean): Promise<void> {
  await eventually("/status shows it", async () => holds(await statusOf(url)));
}

function poolsOf({ pools = [] }: Status): string {
  return pools.map(({ name, workers }) => `${name} ${workers}`).join();
}

function workersOf({ worker_states }: Status): string {
  return worker_states.map(({ worker_id, id }) => `${worker_id} ${id ?? "-"}`).join();
}

Deno.test("a job that waits during a reload runs the program that it was admitted for", async () => {
  await withFile(commandTable("a", "old", one), async (reloads) => {
    const { url, folder, spool, run } = reloads;
    const running = held(folder, "running");
    const first = run("a", running.script);
    await fileExists(running.started);
    const waiting = run("a", showToken);
    await statusIs(url, ({ queued_jobs }) => queued_jobs === 1);
    await reloadTo(commandTable("a", "new", one), reloads);
    const later = run("a", showToken);
    await statusIs(url, ({ queued_jobs }) => queued_jobs === 2);
    assert.equal(launchersIn(spool).length, 2);
    running.release();
    const outputs = (await Promise.all([first, waiting, later])).map(({ output }) => output);
    assert.deepEqual(outputs, ["old old\n", "old old\n", "new new\n"]);
    await eventually("the old launcher is gone", () => launchersIn(spool).length === 1);
  });
});

Deno.test("a job that waits or runs keeps its timeout when a reload gives its command another one", async () => {
  const before = commandTable("a", "a", one, "job_timeout_sec = 600");
  const after = commandTable("a", "a", one, "job_timeout_sec = 0.2", "kill_grace_sec = 0");
  await withFile(before, async (reloads) => {
    const { url, folder, run } = reloads;
    const running = held(folder, "running");
    const first = run("a", running.script);
    await fileExists(running.started);
    const waiting = run("a", "sleep 0.5; echo in time");
    await statusIs(url, ({ queued_jobs }) => queued_jobs === 1);
    await reloadTo(after, reloads);
    const short = run("a", "exec sleep 1000");
    await statusIs(url, ({ queued_jobs }) => queued_jobs === 2);
    running.release();
    assert.equal((await first).json["ending"], "exited");
    // It takes longer than the new timeout.
    assert.equal((await waiting).output, "in time\n");
    assert.equal((await short).json["ending"], "timed_out");
  });
});

Deno.test("a request whose body arrives during a reload is answered by the command that it found", async () => {
  await withFile(commandTable("default", "old"), async (reloads) => {
    const { url } = reloads;
    const body = JSON.stringify({ id: "upload", data: btoa(showToken) });
    using connection = await say(url, headOf(body.length) + body.slice(0, 5));
    await statusIs(url, ({ buffered_bytes }) => buffered_bytes > 0);
    await reloadTo(commandTable("default", "new", "max_request_bytes = 1"), reloads);
    assert.equal((await reloads.run("default", showToken)).status, 413);
    await connection.write(new TextEncoder().encode(body.slice(5)));
    const buffer = new Uint8Array(65536);
    const answer = new TextDecoder().decode(
      buffer.subarray(0, await connection.read(buffer) ?? 0),
    );
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.ok(answer.includes(btoa("old old\n")), answer);
  });
});

Deno.test("a removed command's jobs are finished, new requests get 404, and then its pool is gone", async () => {
  const stays = commandTable("stays", "stays", one);
  await withFile(stays + commandTable("goes", "goes", one), async (reloads) => {
    const { url, folder, spool, run } = reloads;
    const running = held(folder, "running");
    const first = run("goes", running.script);
    await fileExists(running.started);
    const waiting = run("goes", showToken);
    await statusIs(url, ({ queued_jobs }) => queued_jobs === 1);
    await reloadTo(stays, reloads);
    assert.equal((await run("goes", showToken)).status, 404);
    assert.equal(poolsOf(await statusOf(url)), "stays 1,goes 1");
    running.release();
    assert.equal((await first).output, "goes goes\n");
    assert.equal((await waiting).output, "goes goes\n");
    await statusIs(url, (status) => poolsOf(status) === "stays 1");
    await eventually("its launcher is gone", () => launchersIn(spool).length === 1);
    assert.equal((await statusOf(url)).total_jobs, 2);
    const samples = await scrape(url);
    assert.equal(samples.get('jobrunner_workers{pool="stays"}'), 1);
    assert.equal(samples.get('jobrunner_workers{pool="goes"}'), undefined);
    assert.equal((await run("stays", showToken)).output, "stays stays\n");
  });
});

Deno.test("a job whose client has disconnected keeps its launcher and its pool until it has ended", async () => {
  const stays = commandTable("stays", "stays", one);
  const goes = commandTable("goes", "goes", one, 'on_disconnect = "finish"');
  await withFile(stays + goes, async (reloads) => {
    const { url, folder, spool } = reloads;
    const running = held(folder, "running");
    const client = new AbortController();
    const script =
      `(${running.script}) >${folder}/output.new; mv ${folder}/output.new ${folder}/output`;
    const answer = post(url, script, { command: "goes", signal: client.signal });
    await fileExists(running.started);
    await reloadTo(stays, reloads);
    client.abort();
    await assert.rejects(answer);
    assert.equal(poolsOf(await statusOf(url)), "stays 1,goes 1");
    assert.equal(launchersIn(spool).length, 2);
    running.release();
    await fileExists(`${folder}/output`);
    assert.equal(Deno.readTextFileSync(`${folder}/output`), "goes goes\n");
    await statusIs(url, (status) => poolsOf(status) === "stays 1");
    await eventually("its launcher is gone", () => launchersIn(spool).length === 1);
  });
});

Deno.test("a pool that shrinks from 3 to 1 starts no job until all but worker 1 have ended; it can grow again", async () => {
  const of = (workers: number) => commandTable("a", "a", `num_workers = ${workers}`);
  await withFile(of(3), async (reloads) => {
    const { url, folder, run } = reloads;
    const jobs = ["x", "y", "z", "later"].map((id) => ({ id, ...held(folder, id) }));
    const start = ({ id, script }: typeof jobs[number]) => run("a", script, id);
    const running = [];
    for (const job of jobs.slice(0, 3)) {
      running.push(start(job));
      await fileExists(job.started);
    }
    const [x, y, z, later] = jobs as [
      typeof jobs[0],
      typeof jobs[0],
      typeof jobs[0],
      typeof jobs[0],
    ];
    const waiting = start(later);
    await statusIs(url, ({ queued_jobs }) => queued_jobs === 1);
    await reloadTo(of(1), reloads);
    assert.equal(workersOf(await statusOf(url)), "1 x,2 y,3 z");
    z.release();
    await statusIs(url, (status) => workersOf(status) === "1 x,2 y");
    y.release();
    await statusIs(url, (status) => workersOf(status) === "1 x");
    assert.equal((await statusOf(url)).queued_jobs, 1);
    x.release();
    await fileExists(later.started);
    assert.equal(workersOf(await statusOf(url)), "1 later");
    await reloadTo(of(3), reloads);
    assert.equal(workersOf(await statusOf(url)), "1 later,2 -,3 -");
    later.release();
    for (const answer of await Promise.all([...running, waiting])) assert.equal(answer.status, 200);
  });
});

Deno.test("a command that is removed and added again never runs twice at once in a pool of 1", async () => {
  const stays = commandTable("stays", "stays");
  await withFile(stays + commandTable("a", "old", one), async (reloads) => {
    const { url, folder, run } = reloads;
    const running = held(folder, "running");
    const first = run("a", running.script);
    await fileExists(running.started);
    await reloadTo(stays, reloads);
    await reloadTo(stays + commandTable("a", "new", one), reloads);
    const second = run("a", showToken);
    await statusIs(url, ({ queued_jobs, busy }) => queued_jobs === 1 && busy === 1);
    assert.match(poolsOf(await statusOf(url)), /a 1/);
    running.release();
    assert.equal((await first).output, "old old\n");
    assert.equal((await second).output, "new new\n");
  });
});

Deno.test("a certificate that the runtime refuses is logged at each reload with it", async () => {
  const withTls = (pair: string) =>
    [
      `tls_cert_file = "${fixture(`tls/${pair}.pem`)}"`,
      `tls_key_file = "${fixture(`tls/${pair}_key.pem`)}"`,
      commandTable("a", "a"),
    ].join("\n");
  const env = { JOBRUNNER_HTTP_LISTEN_PORT: String(freePort()) };
  await withFile(withTls("self_signed"), async ({ reload, program: { log } }) => {
    for (const times of [1, 2]) {
      await reload(withTls("weak"));
      await eventually(
        "it is refused",
        () =>
          log.filter((line) => line.includes("the new TLS certificate cannot be used")).length ===
            times,
      );
    }
  }, { env });
});

Deno.test("a reload without the server's working directory fails with a sentence that says so", async () => {
  using temporary = temporaryFolder();
  const cwd = `${temporary.path}/gone`;
  Deno.mkdirSync(cwd);
  await withFile(commandTable("a", "a"), async ({ reload }) => {
    Deno.removeSync(cwd);
    const [error, outcome] = await reload();
    assert.match(error ?? "", /error="the server's working directory cannot be found: [^\n]*"$/);
    assert.match(outcome ?? "", /configuration not reloaded/);
  }, { cwd });
});

Deno.test("64 changed commands are reloaded beside their 64 held jobs; once more changes nothing until jobs have ended", async () => {
  const all = Array.from({ length: 64 }, (_, index) => `c${index}`);
  const fileOf = (token: string) =>
    all.map((name) => commandTable(name, `${token}-${name}`, one)).join("");
  await withFile(fileOf("old"), async (reloads) => {
    const { url, folder, spool, run, reload } = reloads;
    const gate = held(folder, "all");
    const jobs = all.map((name) => run(name, gate.script));
    await statusIs(url, ({ busy }) => busy === 64);
    await reloadTo(fileOf("new"), reloads);
    const before = launchersIn(spool);
    assert.equal(before.length, 128);
    const lines = await reload(fileOf("newest"));
    assert.match(lines.join("\n"), /all 128 launchers are in use: jobs of earlier/);
    assert.ok(!isReloaded(lines));
    assert.deepEqual(launchersIn(spool), before);
    gate.release();
    for (const [index, { output }] of (await Promise.all(jobs)).entries()) {
      assert.equal(output, `old-c${index} old-c${index}\n`);
    }
    assert.equal((await run("c7", showToken)).output, "new-c7 new-c7\n");
    await eventually("the old launchers are gone", () => launchersIn(spool).length === 64);
    await reloadTo(fileOf("newest"), reloads);
    assert.equal((await run("c7", showToken)).output, "newest-c7 newest-c7\n");
    await eventually("the old launchers are gone", () => launchersIn(spool).length === 64);
  });
});
