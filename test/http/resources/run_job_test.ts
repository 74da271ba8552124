import assert from "node:assert/strict";
import type { JobHandle, JobOutcome, JobSpec } from "../../../src/jobs/job.ts";
import type { Place } from "../../../src/jobs/line.ts";
import { diskShare } from "../../support/inbox.ts";
import { ranOf } from "../../support/jobs.ts";
import { eventsIn } from "../../support/live_events.ts";
import { job, notLive, setUp } from "../../support/routes.ts";
import { nextTurn } from "../../support/turn.ts";

const live = "application/x-ndjson";

/** A queue that lives elsewhere: a job is in it when the test says so. */
function elsewhere() {
  const entered = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<JobOutcome>();
  const filled = Promise.withResolvers<{ spec: JobSpec; handle: JobHandle }>();
  const place: Place = {
    reserved: true,
    fill(spec, handle) {
      assert.ok(handle);
      filled.resolve({ spec, handle });
      return outcome.promise;
    },
    entered: entered.promise,
    leave() {},
    position: () => 3,
  };
  const disk = diskShare();
  const { fetch, held, doors, rejected, activity } = setUp({ reserve: () => place, disk });
  const completed = Promise.withResolvers<void>();
  const post = (path: string, accept: string) => {
    const [body, headers] = [path === "/run" ? "hello" : job, { accept }];
    const request = new Request(`http://localhost${path}`, { method: "POST", body, headers });
    return Promise.resolve(fetch(request, { completed: completed.promise }));
  };
  /** The answer was sent: nothing may be held any more. */
  async function leavesNothing() {
    completed.resolve();
    await nextTurn();
    assert.deepEqual([disk.taken, held(), notLive.listeners, activity.active], [0, 0, 0, 0]);
    assert.deepEqual(doors, { opened: 1, released: 1 });
  }
  return {
    post,
    filled: filled.promise,
    enter: entered.resolve,
    end(result: JobOutcome) {
      outcome.resolve(result);
      entered.resolve();
    },
    rejected,
    leavesNothing,
  };
}

for (const path of ["/payload", "/run"]) {
  Deno.test(`POST ${path} begins a live answer when the job is in the queue for certain`, async () => {
    const { post, filled, enter, end, leavesNothing } = elsewhere();
    let hasBegun = false;
    const answer = post(path, live).finally(() => hasBegun = true);
    const { spec, handle } = await filled;
    await nextTurn();
    assert.equal(hasBegun, false);
    enter();
    const { status, body } = await answer;
    assert.equal(status, 200);
    handle.onStarted?.({ id: 1, pid: 7, node: "b" });
    handle.onLost?.("stdout", 5);
    end(ranOf(spec));
    assert.deepEqual(
      eventsIn(await new Response(body).text(), "ndjson").slice(0, 3),
      [
        { event: "queued", seq: 0, place: 3 },
        { event: "started", seq: 1, worker_id: 1, pid: 7, node: "b" },
        { event: "truncated", seq: 2, stdout_bytes: 5 },
      ],
    );
    await leavesNothing();
  });

  for (
    const [cause, text] of [
      ["queue_full", "job queue too large (2)\n"],
      ["queue_unavailable", "The queue that the machines share cannot be reached\n"],
    ] as const
  ) {
    Deno.test(`POST ${path} answers ${cause} in the same way before and after the job was sent, and to listeners`, async () => {
      const before = setUp({ refusal: { reserved: false, cause, waiting: 2, retryAfterSec: 9 } });
      const expected = await before.send(path, { method: "POST", body: job });
      assert.deepEqual([expected.status, expected.text], [503, text]);
      for (const accept of ["*/*", live, "text/event-stream"]) {
        const { post, filled, end, rejected, leavesNothing } = elsewhere();
        const answer = post(path, accept);
        await filled;
        end({ kind: "left", cause, queuedSec: 0, retryAfterSec: 9, waiting: 2 });
        const { status, headers, body } = await answer;
        assert.deepEqual([status, await new Response(body).text()], [503, text]);
        assert.equal(headers.get("retry-after"), "9");
        for (const name of ["content-type", "connection"]) {
          assert.equal(headers.get(name), expected.headers.get(name));
        }
        assert.deepEqual(rejected, [cause]);
        await leavesNothing();
      }
    });
  }

  Deno.test(`POST ${path} has the events of a command that starts before its job is in the queue for certain`, async () => {
    const { post, filled, enter, end, leavesNothing } = elsewhere();
    const answer = post(path, live);
    const { spec, handle } = await filled;
    handle.onStarted?.({ id: 1, pid: 7 });
    handle.onOutput?.("stdout", new TextEncoder().encode("a"));
    enter();
    const { body } = await answer;
    end(ranOf(spec));
    assert.deepEqual(
      eventsIn(await new Response(body).text(), "ndjson").map(({ event }) => event),
      ["queued", "started", "stdout", "exit"],
    );
    await leavesNothing();
  });

  Deno.test(`POST ${path} ends a live answer that has begun in an error if the job leaves the queue`, async () => {
    for (const starts of [true, false]) {
      const { post, filled, enter, end, leavesNothing } = elsewhere();
      const answer = post(path, live);
      const { handle } = await filled;
      if (starts) handle.onStarted?.({ id: 1, pid: 7 });
      else enter();
      await nextTurn();
      end({ kind: "left", cause: "shutdown", queuedSec: 1, retryAfterSec: 9 });
      const { status, body } = await answer;
      assert.equal(status, 200);
      const last = eventsIn(await new Response(body).text(), "ndjson").at(-1);
      assert.deepEqual([last?.event, last?.["code"]], ["error", "draining"]);
      await leavesNothing();
    }
  });

  Deno.test(`POST ${path} has a result that is there before the job was in the queue for certain`, async () => {
    const { post, filled, end, leavesNothing } = elsewhere();
    const answer = post(path, live);
    const { spec } = await filled;
    end(ranOf(spec));
    const { body } = await answer;
    assert.equal(eventsIn(await new Response(body).text(), "ndjson").at(-1)?.event, "exit");
    await leavesNothing();
  });
}
