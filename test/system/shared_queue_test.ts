/**
 * What a server shows that is to share its queue while no NATS server can be used. `test/e2e/cluster_shown.ts` has the rest.
 *
 * @module
 */

import assert from "node:assert/strict";
import { get, postRaw } from "../support/client.ts";
import { greetingOf, startFakeNats } from "../support/fake_nats.ts";
import { fixture, runProgram, startProgram } from "../support/program.ts";
import { freePort } from "../support/port.ts";

const command = { JOBRUNNER_CMD: fixture("run_payload.sh") };

/** A server that nobody runs. */
const nobody = () => ({ ...command, JOBRUNNER_NATS_URL: `nats://127.0.0.1:${freePort()}` });

Deno.test("without a NATS server a machine is ready, degraded, and refuses jobs", async () => {
  await using program = await startProgram({ env: nobody() });
  const ready = await get(`${program.url}/readyz`);
  assert.equal(ready.status, 200);
  assert.equal(
    ready.text,
    "ready, degraded: the queue that the machines share cannot be reached\n",
  );
  const refused = await postRaw(program.url, '{"id":"a","data":"eA=="}');
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  const { cluster } = JSON.parse((await get(`${program.url}/status`)).text);
  const { connected, server_version, unfinished, nodes } = cluster;
  assert.deepEqual([connected, server_version, unfinished], [false, null, null]);
  assert.deepEqual(nodes.map(({ id }: { readonly id: string }) => id), [cluster.node_id]);
  assert.match(await program.line("NATS cannot be reached"), / WARN .*onnection refused/);
  assert.equal(await program.stop(), 0);
});

Deno.test("without a NATS server a machine is not ready with JOBRUNNER_NATS_READY=strict, but lives", async () => {
  await using program = await startProgram({
    env: { ...nobody(), JOBRUNNER_NATS_READY: "strict" },
  });
  const { status, text, headers } = await get(`${program.url}/readyz`);
  assert.equal(status, 503);
  assert.equal(text, "The queue that the machines share cannot be reached\n");
  assert.ok(Number(headers.get("retry-after")) >= 1);
  assert.equal((await get(`${program.url}/livez`)).status, 200);
});

Deno.test("serve --check exits with 1 and says that NATS cannot be reached, which the sandbox allows", async () => {
  const { code, stdout } = await runProgram({ args: ["serve", "--check"], env: nobody() });
  assert.equal(code, 1);
  assert.match(stdout, /^probe: connecting out: refused$/m);
  assert.match(stdout, /^probe: connecting to NATS: allowed$/m);
  assert.match(stdout, /^queue: group default, over NATS at 127\.0\.0\.1:\d+$/m);
  assert.match(stdout, /^error: NATS server 127\.0\.0\.1:\d+: .*onnection refused/m);
});

Deno.test("serve --check exits with 1 if the NATS server is too old, or says nothing", async () => {
  const faults = {
    [greetingOf("2.9.10")]:
      /^error: NATS server .*: nats-server 2\.9\.10: must be 2\.10 or newer$/m,
    "": /^error: NATS server .*: it does not answer$/m,
  };
  for (const [greeting, fault] of Object.entries(faults)) {
    await using server = startFakeNats(greeting);
    const { code, stdout } = await runProgram({
      args: ["serve", "--check"],
      env: { ...command, JOBRUNNER_NATS_URL: `nats://${server.address}` },
    });
    assert.equal(code, 1);
    assert.match(stdout, fault);
  }
});

Deno.test("serve --check says nothing about a queue, and tries no host, on a machine of its own", async () => {
  const { code, stdout } = await runProgram({ args: ["serve", "--check"], env: command });
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /^queue:|connecting to NATS/m);
});
