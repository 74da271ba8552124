import assert from "node:assert/strict";
import type { FrontJob } from "../../src/cluster/front_job.ts";
import { type Link, LinkError, type LinkTrouble } from "../../src/cluster/link.ts";
import { Outbox } from "../../src/cluster/outbox.ts";
import { openPayload } from "../../src/spool/payload_source.ts";
import { specOf } from "../support/jobs.ts";
import { createVirtualClock } from "../support/virtual_clock.ts";

/** An outbox whose server fails so many times, each time in this way. */
function outbox(trouble: LinkTrouble, times: number) {
  const clock = createVirtualClock();
  const ids: string[] = [];
  const link: Partial<Link> = {
    connected: true,
    maxPayload: 2 ** 20,
    store(_subject, _data, { id }) {
      ids.push(id);
      return ids.length <= times
        ? Promise.reject(new LinkError(trouble, "no"))
        : Promise.resolve(ids.length);
    },
  };
  const node = "00000001-0000-4000-8000-000000000000";
  const group = { clock, link: link as Link, node };
  const spec = specOf("a");
  const job = { spec, published: 0, state: "entering" } as FrontJob;
  const box = new Outbox({
    group,
    names: { stream: "S", subject: "s" },
    sourceOf: () => openPayload(spec.input),
    claimFirst: () => false,
  });
  return { clock, ids, job, box };
}

for (const trouble of ["unavailable", "no_responders", "not_found"] as const) {
  Deno.test(`put() tries again after ${trouble}, with the same id`, async () => {
    const { clock, ids, job, box } = outbox(trouble, 3);
    const put = box.put(job);
    await clock.pass(1000);
    await put;
    assert.deepEqual(ids, Array(4).fill(job.spec.uid));
    assert.deepEqual([job.sequence, job.published], [4, 1]);
  });
}

for (const trouble of ["full", "refused"] as const) {
  Deno.test(`put() rejects at once after ${trouble}`, async () => {
    const { ids, job, box } = outbox(trouble, 1);
    await assert.rejects(box.put(job), { trouble });
    assert.equal(ids.length, 1);
    assert.equal(job.sequence, undefined);
  });
}

Deno.test("put() rejects after three seconds, and its next call has the same id", async () => {
  const { clock, ids, job, box } = outbox("unavailable", 100);
  const put = assert.rejects(box.put(job), { trouble: "unavailable" });
  await clock.pass(3000);
  await put;
  await assert.rejects(async () => {
    const again = box.put(job);
    await Promise.all([again, clock.pass(3000)]);
  });
  assert.deepEqual([...new Set(ids)], [job.spec.uid]);
});

Deno.test("put() gives a second message of a job another id", async () => {
  const { ids, job, box } = outbox("unavailable", 0);
  await box.put(job);
  await box.put(job);
  assert.deepEqual(ids, [job.spec.uid, `${job.spec.uid}.1`]);
});
