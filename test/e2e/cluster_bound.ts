/**
 * The bound of a queue that several machines share, as real programs over real servers. It needs root, and what
 * `tools/nats_servers.sh` provides.
 */

import assert from "node:assert/strict";
import { startFaultGroup } from "../support/fault_group.ts";
import { natsPrograms } from "../support/nats_server.ts";

const sizes = [{ workers: 2, places: 7 }, { workers: 2, places: 7 }, { workers: 2, places: 6 }];

for (const which of ["usual", "newest"] as const) {
  Deno.test(`exactly 26 of 80 clients at once get a place on three machines, and 26 in a loop always (${which} server)`, async () => {
    await using group = await startFaultGroup({
      machines: sizes,
      server: { program: natsPrograms[which] },
    });
    const { machines, queue } = group;
    const jobs = group.postAll(machines, 80);
    let refused = 0;
    const allRefused = Promise.withResolvers<void>();
    for (const { answer } of jobs) {
      void answer.then((got) => {
        if (got?.status === 503 && ++refused === 54) allRefused.resolve();
      });
    }
    await allRefused.promise;
    group.release();
    const answers = await Promise.all(
      jobs.map(async ({ id, answer }) => ({ id, ...await answer })),
    );
    const isRefused = ({ status }: { status?: number }) => status === 503;
    for (const { headers, text } of answers.filter(isRefused)) {
      assert.match(text ?? "", /^job queue too large/);
      assert.ok(Number(headers?.get("retry-after")) >= 1);
    }
    const others = answers.filter((answer) => !isRefused(answer));
    assert.equal(others.length, 26);
    for (const { id, status, data } of others) assert.deepEqual([status, data], [200, id]);
    assert.equal(group.begun().length, 26);
    await queue.holds(0);

    await Promise.all(Array.from({ length: 26 }, async (_, client) => {
      const machine = machines[client % 3];
      assert.ok(machine);
      for (let turn = 0; turn < 8; turn++) {
        await group.succeed([group.post(machine, `client${client}-${turn}`, ":")]);
      }
    }));
    assert.equal(group.begun().length, 26 + 26 * 8);
    await queue.holds(0);
  });
}
