import assert from "node:assert/strict";
import { type ClusterStatus, encodeStatus, type ServiceStatus } from "../../src/wire/status.ts";

const job = { id: "i", requestId: "r", command: "default", pid: 17 };

const status: ServiceStatus = {
  started: 9,
  version: "1.2.3",
  uptimeSec: 1.23456,
  ready: true,
  buffered: { bodies: 4, captures: 2, answers: 1 },
  pools: [{
    name: undefined,
    waiting: 4,
    queueLimit: 30,
    oldestWaitSec: 7,
    workers: [{ id: 1, sinceSec: 0.5, job }, { id: 2, sinceSec: 2 }],
  }],
  outcomes: { success: 3, failed: 1 },
  rejections: { queue_full: 2 },
  recent: {
    windowSec: 300,
    queuedSec: { count: 4, quantile: (q: number) => q },
    elapsedSec: { count: 0, quantile: () => undefined },
  },
};

Deno.test("encodeStatus() without names is the same text as before there were names", () => {
  const states = (more: string) =>
    `[{"worker_id":1,"state":"running","since_sec":0.5${more}},{"worker_id":2,"state":"idle","since_sec":2}]`;
  const text = (states: string) =>
    '{"queued_jobs":4,"total_jobs":9,"version":"1.2.3","uptime_sec":1.235,"state":"ready",' +
    '"workers":2,"busy":1,"queue_limit":30,"buffered_bytes":7,' +
    `"buffered":{"bodies":4,"captures":2,"answers":1},"worker_states":${states},` +
    '"outcomes":{"success":3,"failed":1},"rejections":{"queue_full":2},"recent":{"window_sec":300,' +
    '"queued_sec":{"count":4,"p50":0.5,"p95":0.95},"elapsed_sec":{"count":0,"p50":null,"p95":null}}}\n';
  assert.equal(encodeStatus(status, true), text(states(',"id":"i","request_id":"r","pid":17')));
  assert.equal(encodeStatus(status, false), text(states("")), "names jobs only on request");
});

Deno.test("encodeStatus() has the name of a job's token only if jobs are named", () => {
  const workers = [{ id: 1, sinceSec: 0.5, job: { ...job, token: "ci" } }];
  const pools = status.pools.map((pool) => ({ ...pool, workers }));
  const statesOf = (namesJobs: boolean) =>
    JSON.parse(encodeStatus({ ...status, pools }, namesJobs)).worker_states;
  const common = { worker_id: 1, state: "running", since_sec: 0.5 };
  assert.deepEqual(statesOf(true), [
    { ...common, id: "i", request_id: "r", token: "ci", pid: 17 },
  ]);
  assert.deepEqual(statesOf(false), [common]);
});

const named: ServiceStatus = {
  ...status,
  pools: [
    {
      name: "office",
      waiting: 4,
      queueLimit: 5,
      oldestWaitSec: 7.00049,
      workers: [{ id: 1, sinceSec: 0.5, job: { ...job, command: "thumbs" } }],
    },
    {
      name: "pdf",
      waiting: 1,
      queueLimit: 20,
      oldestWaitSec: 0,
      workers: [{ id: 1, sinceSec: 1 }, { id: 2, sinceSec: 2, job: { ...job, command: "pdf" } }],
    },
  ],
  commands: [
    {
      names: { command: "thumbs", pool: "office" },
      outcomes: { success: 1, failed: 0 },
      rejections: { queue_full: 2 },
    },
    {
      names: { command: "pdf", pool: "pdf" },
      description: "Office document to PDF",
      outcomes: { success: 2, failed: 1 },
      rejections: { queue_full: 0 },
    },
  ],
};

Deno.test("encodeStatus() sums the figures of all pools and names each worker's pool and command", () => {
  const { queued_jobs, workers, busy, queue_limit, worker_states } = JSON.parse(
    encodeStatus(named, false),
  );
  assert.deepEqual({ queued_jobs, workers, busy, queue_limit }, {
    queued_jobs: 5,
    workers: 3,
    busy: 2,
    queue_limit: 25,
  });
  assert.equal(
    JSON.stringify(worker_states),
    '[{"worker_id":1,"pool":"office","command":"thumbs","state":"running","since_sec":0.5},' +
      '{"worker_id":1,"pool":"pdf","state":"idle","since_sec":1},' +
      '{"worker_id":2,"pool":"pdf","command":"pdf","state":"running","since_sec":2}]',
  );
  const [first] = JSON.parse(encodeStatus(named, true)).worker_states;
  assert.deepEqual(Object.keys(first).slice(-3), ["id", "request_id", "pid"]);
});

Deno.test("encodeStatus() lists commands and pools at the end, in their order", () => {
  const text = encodeStatus(named, false);
  assert.deepEqual(Object.keys(JSON.parse(text)).slice(-3), ["recent", "commands", "pools"]);
  assert.ok(text.endsWith(
    '"commands":[{"name":"thumbs","pool":"office","outcomes":{"success":1,"failed":0},"rejections":{"queue_full":2}},' +
      '{"name":"pdf","pool":"pdf","description":"Office document to PDF","outcomes":{"success":2,"failed":1},"rejections":{"queue_full":0}}],' +
      '"pools":[{"name":"office","workers":1,"busy":1,"queued_jobs":4,"queue_limit":5,"oldest_wait_sec":7},' +
      '{"name":"pdf","workers":2,"busy":1,"queued_jobs":1,"queue_limit":20,"oldest_wait_sec":0}]}\n',
  ));
});

Deno.test("encodeStatus() shows the warm process of a worker, its process id only on request", () => {
  const [pool] = status.pools;
  assert.ok(pool);
  const warm = { pid: 7, sinceSec: 1.23456, jobs: 3 };
  const workers = [{ id: 1, sinceSec: 0.5, warm, job }, { id: 2, sinceSec: 2, warm }];
  const warmed: ServiceStatus = { ...status, pools: [{ ...pool, workers }] };
  const statesOf = (namesJobs: boolean) =>
    JSON.stringify(JSON.parse(encodeStatus(warmed, namesJobs)).worker_states);
  const shown = '"since_sec":1.235,"jobs":3}';
  assert.equal(
    statesOf(true),
    `[{"worker_id":1,"state":"running","since_sec":0.5,"warm":{"pid":7,${shown},"id":"i","request_id":"r","pid":17},` +
      `{"worker_id":2,"state":"idle","since_sec":2,"warm":{"pid":7,${shown}}]`,
  );
  assert.equal(
    statesOf(false),
    `[{"worker_id":1,"state":"running","since_sec":0.5,"warm":{${shown}},` +
      `{"worker_id":2,"state":"idle","since_sec":2,"warm":{${shown}}]`,
  );
});

const cluster: ClusterStatus = {
  group: "invoices",
  node: "1",
  connected: true,
  serverVersion: "2.10.27",
  nodes: [
    {
      id: "1",
      name: "front",
      version: "1.2.3",
      state: "up",
      sinceSec: 7.00049,
      workers: 0,
      busy: 0,
      places: 20,
      differs: [],
    },
    {
      id: "2",
      name: "worker",
      version: "1.2.3",
      state: "draining",
      sinceSec: 6,
      workers: 3,
      busy: 1,
      places: 3,
      differs: ["pdf"],
    },
  ],
  pools: [{ name: "office", limit: 6, unfinished: 1 }, { name: "pdf", limit: 20, unfinished: 2 }],
};

Deno.test("encodeStatus() has the machines that share the queues, with sums over the queues", () => {
  assert.equal(JSON.parse(encodeStatus(status, true)).cluster, undefined);
  const encoded = JSON.parse(encodeStatus({ ...status, cluster }, true));
  assert.deepEqual(encoded.cluster, {
    group: "invoices",
    node_id: "1",
    connected: true,
    server_version: "2.10.27",
    queue_limit: 26,
    unfinished: 3,
    nodes: [
      {
        id: "1",
        name: "front",
        version: "1.2.3",
        state: "up",
        workers: 0,
        busy: 0,
        places: 20,
        since_sec: 7,
        command_differs: false,
      },
      {
        id: "2",
        name: "worker",
        version: "1.2.3",
        state: "draining",
        workers: 3,
        busy: 1,
        places: 3,
        since_sec: 6,
        command_differs: true,
      },
    ],
  });
  assert.equal(encoded.queued_jobs, 4);
});

Deno.test("encodeStatus() has null for what no NATS server has said", () => {
  const away = {
    ...cluster,
    connected: false,
    serverVersion: undefined,
    pools: [{ name: "office", limit: 6, unfinished: 1 }, {
      name: "pdf",
      limit: 20,
      unfinished: undefined,
    }],
  };
  const { connected, server_version, unfinished } =
    JSON.parse(encodeStatus({ ...status, cluster: away }, true)).cluster;
  assert.deepEqual([connected, server_version, unfinished], [false, null, null]);
});

Deno.test("encodeStatus() has each shared queue, and the commands that differ, with a configuration file", () => {
  const { pools, nodes } = JSON.parse(encodeStatus({ ...named, cluster }, true)).cluster;
  assert.deepEqual(pools, [
    { name: "office", queue_limit: 6, unfinished: 1 },
    { name: "pdf", queue_limit: 20, unfinished: 2 },
  ]);
  assert.deepEqual(
    nodes.map((node: { readonly differing_commands: unknown }) => node.differing_commands),
    [[], ["pdf"]],
  );
});
