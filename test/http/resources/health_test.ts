import assert from "node:assert/strict";
import { setUp, someCluster, somePool } from "../../support/routes.ts";

const job = { id: "i", requestId: "r", command: "default" };
const fullPool = { ...somePool, waiting: 30, workers: [{ id: 1, sinceSec: 1, job }] };

Deno.test("GET /livez and GET /readyz answer 200 while the server takes jobs", async () => {
  const { send } = setUp();
  assert.equal((await send("/livez")).text, "ok\n");
  assert.equal((await send("/readyz")).text, "ready\n");
});

Deno.test("GET /readyz answers 503 while the server drains, GET /livez 200", async () => {
  const { send } = setUp({ ready: false });
  assert.equal((await send("/livez")).status, 200);
  const { status, headers } = await send("/readyz");
  assert.equal(status, 503);
  assert.equal(headers.get("retry-after"), "7");
});

Deno.test("GET /readyz answers 200 and reports it while the server is saturated", async () => {
  const full = setUp({ status: { pools: [fullPool] } });
  const { status, text } = await full.send("/readyz");
  assert.equal(status, 200);
  assert.equal(text, "ready, saturated: 30 of 30 places are taken\n");
  const idle = setUp({ status: { pools: [{ ...somePool, waiting: 0, queueLimit: 0 }] } });
  assert.equal((await idle.send("/readyz")).text, "ready\n");
});

Deno.test("GET /readyz answers 200 and reports it while the server is degraded", async () => {
  const { send } = setUp({ queueState: "degraded", status: { pools: [fullPool] } });
  const { status, text } = await send("/readyz");
  assert.equal(status, 200);
  assert.equal(text, "ready, degraded: the queue that the machines share cannot be reached\n");
  assert.equal((await send("/")).status, 200);
});

Deno.test("GET /readyz and GET / answer 503 while the queue is unavailable, GET /livez 200", async () => {
  const { send } = setUp({ queueState: "unavailable" });
  assert.equal((await send("/livez")).status, 200);
  for (const path of ["/readyz", "/"]) {
    const { status, headers, text } = await send(path);
    assert.deepEqual([status, headers.get("retry-after")], [503, "7"]);
    assert.equal(text, "The queue that the machines share cannot be reached\n");
  }
  const draining = setUp({ queueState: "unavailable", ready: false });
  assert.match((await draining.send("/readyz")).text, /^The server is stopping/);
});

Deno.test("GET /readyz names every saturated pool that has a name", async () => {
  const office = { ...fullPool, name: "office", waiting: 5, queueLimit: 5 };
  const textWith = async (...pools: (typeof somePool)[]) =>
    (await setUp({ status: { pools } }).send("/readyz")).text;
  const free = { ...somePool, name: "free" };
  assert.equal(await textWith(free), "ready\n");
  assert.equal(
    await textWith(free, office),
    "ready, saturated: pool office: 5 of 5 places are taken\n",
  );
  assert.equal(
    await textWith(office, free, { ...fullPool, name: "pdf" }),
    "ready, saturated: pool office: 5 of 5 places are taken; pool pdf: 30 of 30 places are taken\n",
  );
});

Deno.test("GET /readyz reports that a queue which machines share is full, whatever this machine has of it", async () => {
  const textWith = async (unfinished: number | undefined, named = false) =>
    (await setUp({
      status: {
        pools: [fullPool],
        cluster: {
          ...someCluster,
          pools: [{ name: "office", limit: 26, unfinished }],
        },
      },
      ...(named ? { commands: { pdf: {} } } : {}),
    }).send("/readyz")).text;
  assert.equal(await textWith(undefined), "ready\n");
  assert.equal(await textWith(25), "ready\n");
  assert.equal(await textWith(26), "ready, saturated: all machines have 26 of 26 jobs\n");
  assert.equal(
    await textWith(26, true),
    "ready, saturated: pool office: all machines have 26 of 26 jobs\n",
  );
});
