/**
 * What people see of machines that share a queue over a real nats-server: `/status`, `/readyz`, the log, `serve --check`, and spans.
 *
 * @module
 */

import assert from "node:assert/strict";
import { get, post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { natsPrograms, type NatsServer, startNatsServer } from "../support/nats_server.ts";
import { type ReceivedSpan, startReceiver } from "../support/otlp.ts";
import { eventually } from "../support/processes.ts";
import { fixture, type Program, runProgram, startProgram } from "../support/program.ts";

const shell = fixture("run_payload.sh");

function envOf({ address }: NatsServer, env: Readonly<Record<string, string>> = {}) {
  return {
    JOBRUNNER_NATS_URL: `nats://${address}`,
    JOBRUNNER_CMD: shell,
    JOBRUNNER_NUM_WORKERS: "2",
    JOBRUNNER_QUEUE_LIMIT: "3",
    ...env,
  };
}

const start = (server: NatsServer, env?: Readonly<Record<string, string>>) =>
  startProgram({ env: envOf(server, env) });

/** A front without workers. */
const front = { JOBRUNNER_NUM_WORKERS: "0" };

async function statusOf({ url }: Program) {
  return JSON.parse((await get(`${url}/status`)).text);
}

/** Waits until all of these know that they are as many, and that the queue has this limit. */
async function together(limit: number, ...programs: readonly Program[]): Promise<void> {
  await eventually("the machines know each other", async () => {
    const all = await Promise.all(programs.map(statusOf));
    return all.every(({ cluster: { nodes, queue_limit, unfinished } }) =>
      nodes.length === programs.length && queue_limit === limit && unfinished !== null
    );
  });
}

const ready = async ({ url }: Program) => (await get(`${url}/readyz`)).text;

Deno.test("/status and the log show the machines that share a queue, and where jobs wait", async () => {
  await using server = await startNatsServer();
  using folder = temporaryFolder();
  await using one = await start(server);
  await using two = await start(server, front);
  await together(8, one, two);
  const released = `${folder.path}/go`;
  const hold = `until [ -e '${released}' ]; do sleep 0.05; done`;
  const jobs = Array.from({ length: 8 }, () => post(two.url, hold));
  await eventually("two run, six wait, all are unfinished", async () => {
    const { cluster, busy } = await statusOf(one);
    return busy === 2 && cluster.unfinished === 8;
  });
  await eventually("the front has heard that too", async () => {
    const { cluster, queued_jobs } = await statusOf(two);
    return queued_jobs === 6 && cluster.unfinished === 8;
  });
  assert.equal(await ready(two), "ready, saturated: all machines have 8 of 8 jobs\n");
  const { cluster } = await statusOf(two);
  const own = cluster.nodes.find(({ id }: { readonly id: string }) => id === cluster.node_id);
  assert.deepEqual([own.workers, own.places, own.command_differs], [0, 3, false]);
  assert.match(cluster.server_version, /^2\./);
  Deno.writeTextFileSync(released, "");
  for (const job of jobs) assert.equal((await job).json["exit_status"], 0);
  const { recent, total_jobs } = await statusOf(two);
  assert.deepEqual([recent.queued_sec.count, total_jobs], [8, 0]);
  assert.equal((await statusOf(one)).recent.queued_sec.count, 0);
  assert.match(await two.line("the queue is shared"), / INFO /);
  assert.match(await one.line("a machine has joined the group"), / INFO .*node=.* node_id=/);
  await two.stop();
  assert.match(await one.line("a machine has left the group"), / INFO /);
  await one.stop();
});

Deno.test("/readyz and the log show that NATS is away, and that it is back", async () => {
  await using server = await startNatsServer();
  await using one = await start(server);
  await using strict = await start(server, { JOBRUNNER_NATS_READY: "strict" });
  assert.equal(await ready(one), "ready\n");
  await server.kill();
  assert.match(await one.line("the connection to NATS was lost"), / WARN .*reason=/);
  assert.match(await ready(one), /^ready, degraded: /);
  await strict.line("the connection to NATS was lost");
  assert.equal((await get(`${strict.url}/readyz`)).status, 503);
  await server.start();
  await eventually(
    "both are ready again",
    async () => await ready(one) === "ready\n" && await ready(strict) === "ready\n",
  );
  const connected = one.log.filter((line) => line.includes("connected to NATS"));
  assert.deepEqual(connected.map((line) => / away_sec=[\d.]+$/.test(line)), [false, true]);
  assert.equal(one.log.filter((line) => line.includes("the queue is shared")).length, 1);
  await strict.stop();
  await one.stop();
});

for (const onLost of ["rerun", "fail"]) {
  Deno.test(`the log shows a machine that was killed, and what becomes of its job with ${onLost}`, async () => {
    await using server = await startNatsServer();
    using folder = temporaryFolder();
    const settings = { JOBRUNNER_NATS_ON_LOST: onLost };
    await using clients = await start(server, { ...front, ...settings });
    await using killed = await start(server, settings);
    await together(8, clients, killed);
    // The first run goes on when its server is dead, until the folder is removed.
    const hold = `while [ -d '${folder.path}' ]; do sleep 0.05; done`;
    const first = `{ : >'${folder.path}/runs'; ${hold}; }`;
    const answer = post(clients.url, `[ -e '${folder.path}/runs' ] || ${first}`, {
      headers: { "x-request-id": "lost-one" },
    });
    await fileExists(`${folder.path}/runs`);
    await using other = await start(server, settings);
    await together(13, clients, killed, other);
    Deno.kill(killed.pid, "SIGKILL");
    await killed.exit;
    assert.match(await clients.line("a machine of the group gives no sign of life"), / WARN /);
    const line = onLost === "rerun"
      ? await clients.line("a job is run again: what its machine did with it is lost")
      : await clients.line("a job was lost: no machine may run it again");
    assert.match(line, onLost === "rerun" ? / WARN .*next_node_id=/ : / ERROR /);
    assert.match(line, / request_id=lost-one /);
    await answer.catch(() => {});
    await other.stop();
    await clients.stop();
  });
}

Deno.test("serve --check shows the group without joining it, and the command that differs", async () => {
  await using server = await startNatsServer();
  const check = () => runProgram({ args: ["serve", "--check"], env: envOf(server) });
  const alone = await check();
  assert.equal(alone.code, 0, alone.stdout);
  assert.match(alone.stdout, /^queue: connected to nats-server 2\.\S+, which has JetStream$/m);
  assert.match(alone.stdout, /^queue: no other machine is there$/m);
  assert.match(alone.stdout, /^probe: connecting out: refused$/m);
  assert.match(alone.stdout, /^probe: connecting to NATS: allowed$/m);
  assert.doesNotMatch(alone.stdout, /unfinished jobs/, "there is a stream");
  await using one = await start(server, { JOBRUNNER_CMD: fixture("print_arguments.sh") });
  const beside = await check();
  assert.equal(beside.code, 0, beside.stdout);
  assert.match(beside.stdout, /^queue: unfinished jobs: 0 of 5$/m);
  assert.match(beside.stdout, /^queue: machine \S+: jobrunner \S+, up, workers: 2, places: 3$/m);
  assert.match(beside.stdout, /^warning: the command differs on the machine \S+: a job may/m);
  assert.equal(one.log.some((line) => line.includes("joined the group")), false);
  const other = await runProgram({
    args: ["serve", "--check"],
    env: envOf(server, { JOBRUNNER_NATS_STORAGE: "memory" }),
  });
  assert.equal(other.code, 1);
  assert.match(other.stdout, /^error: NATS stream JR1_default_default: its storage is file, not /m);
  await using two = await start(server);
  const warned = / WARN commands differ on another machine of the group commands=default node=/;
  for (const program of [one, two]) {
    assert.match(await program.line("commands differ on another machine"), warned);
  }
  const { cluster: { nodes } } = await statusOf(two);
  assert.deepEqual(
    nodes.map(({ command_differs }: { readonly command_differs: boolean }) => command_differs)
      .sort(),
    [false, true],
  );
  await two.stop();
  await one.stop();
});

Deno.test("serve --check exits with 1 if the NATS server has no JetStream, or refuses the credentials", async () => {
  for (
    const [setup, fault] of [
      [{ jetStream: false }, /^error: the NATS server must have JetStream enabled, and has not$/m],
      [{ config: 'authorization { token: "hunter2" }' }, /^error: .* not accept the credentials$/m],
      [
        {
          config:
            'authorization { users: [{ user: a, password: b }, { user: c, permissions: { publish: "jr1.>" } }] }\nno_auth_user: c',
        },
        /^error: .*may not (use|publish)/m,
      ],
    ] as const
  ) {
    await using server = await startNatsServer(setup);
    const { code, stdout } = await runProgram({
      args: ["serve", "--check"],
      env: envOf(server),
    });
    assert.equal(code, 1, stdout);
    assert.match(stdout, fault);
    assert.doesNotMatch(stdout, /which has JetStream|hunter2/);
  }
});

Deno.test("serve --check finds one NATS server of several enough, whichever it tries first", async () => {
  await using old = await startNatsServer({ program: natsPrograms.old });
  await using usual = await startNatsServer();
  const checks = Array.from({ length: 6 }, () =>
    runProgram({
      args: ["serve", "--check"],
      env: envOf(usual, { JOBRUNNER_NATS_URL: `nats://${old.address},${usual.address}` }),
    }));
  const ended = await Promise.all(checks);
  for (const { code, stdout } of ended) {
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^queue: connected to nats-server 2\.\S+, which has JetStream$/m);
    assert.doesNotMatch(stdout, /^error:/m);
  }
});

Deno.test("the front records the wait of a job that another machine runs, once", async () => {
  await using receiver = startReceiver();
  await using server = await startNatsServer();
  const traced = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_TRACES_EXPORTER: "otlp",
  };
  await using one = await start(server, traced);
  await using two = await start(server, { ...front, ...traced });
  await together(8, one, two);
  assert.equal((await post(two.url, "sleep 0.2")).json["exit_status"], 0);
  await two.stop();
  await one.stop();
  const names = receiver.spans.map(({ name }) => name).sort();
  assert.deepEqual(names, ["POST /payload", "run", "wait"]);
  const [request, run, wait] = names.map((name) =>
    receiver.spans.find((span) => span.name === name)
  );
  assert.ok(request && run && wait);
  assert.deepEqual([wait.parentSpanId, run.parentSpanId], [request.spanId, request.spanId]);
  const isRemote = ({ flags }: ReceivedSpan) => (flags & 0x200) !== 0;
  assert.deepEqual([isRemote(wait), isRemote(run)], [false, true]);
  const ms = (nanoseconds: string) => Number(nanoseconds) / 1e6;
  assert.ok(ms(wait.endTimeUnixNano) <= ms(run.endTimeUnixNano) - 150, "the wait is not the run");
});
