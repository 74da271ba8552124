/**
 * Servers and queues that a machine cannot use, with the real program. It needs root, and what `tools/nats_servers.sh` provides.
 */

import assert from "node:assert/strict";
import { startFaultGroup } from "../support/fault_group.ts";
import { natsPrograms, startNatsServer } from "../support/nats_server.ts";
import { runProgram } from "../support/program.ts";

/** Starts a machine that is to refuse that, and returns what it says. */
async function refusal(
  address: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stderr } = await runProgram({
    args: ["serve", "--", "true"],
    env: {
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_LOG_FORMAT: "text",
      JOBRUNNER_NATS_URL: `nats://${address}`,
      ...env,
    },
  });
  assert.equal(code, 1, stderr);
  return stderr;
}

Deno.test("serve does not start with a NATS server that is too old, and says which version it needs", async () => {
  await using server = await startNatsServer({ program: natsPrograms.old });
  assert.match(await refusal(server.address), /cannot share the queue: .*2\.9\.\d+.*2\.10/);
});

Deno.test("serve does not start when the queue has another storage or number of replicas, and says which", async () => {
  await using group = await startFaultGroup({ machines: [{ workers: 1 }] });
  const { address } = group.server;
  assert.match(
    await refusal(address, { JOBRUNNER_NATS_STORAGE: "memory" }),
    /cannot share the queue: .*storage is file, not memory/,
  );
  assert.match(
    await refusal(address, { JOBRUNNER_NATS_REPLICAS: "3" }),
    /cannot share the queue: .*replicas is 1, not 3/,
  );
});
