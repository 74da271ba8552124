import assert from "node:assert/strict";
import { specOf } from "../support/jobs.ts";
import { type DispatchByHand, dispatchByHand } from "../support/dispatch.ts";
import { nextTurn } from "../support/turn.ts";

/** A pool with a queue that has room for all jobs of a test, which are submitted. */
async function poolOf(size: number, ids: string): Promise<DispatchByHand> {
  const dispatch = dispatchByHand({ size, places: 50 });
  for (const id of ids) dispatch.submit(id);
  await nextTurn();
  return dispatch;
}

/** Ends the runs of these jobs, one after the other. */
async function endEach({ end }: DispatchByHand, ids: string): Promise<void> {
  for (const id of ids) {
    end(id);
    await nextTurn();
  }
}

Deno.test("resize() of a pool starts workers with the next ids, which take the next jobs", async () => {
  const dispatch = await poolOf(1, "abcd");
  dispatch.pool.resize(3);
  assert.deepEqual(dispatch.listed(), ["1: a", "2", "3"]);
  await nextTurn();
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b", "3: c"]);
  await endEach(dispatch, "bd");
  assert.deepEqual(dispatch.begun, ["a on 1", "b on 2", "c on 3", "d on 2"]);
  assert.equal(dispatch.pool.busy, 2);
  assert.equal(dispatch.pool.started, 4);
  await endEach(dispatch, "ac");
  await dispatch.close();
});

Deno.test("resize() of a pool ends idle workers with higher ids at once", async () => {
  const dispatch = await poolOf(4, "a");
  dispatch.pool.resize(2);
  assert.deepEqual(dispatch.listed(), ["1: a", "2"]);
  for (const id of "bc") dispatch.submit(id);
  await nextTurn();
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b"]);
  await endEach(dispatch, "abc");
  await dispatch.close();
});

Deno.test("resize() of a pool ends busy workers with higher ids after their job, and loses no waiting one", async () => {
  const dispatch = await poolOf(3, "abcde");
  dispatch.pool.resize(1);
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b", "3: c"]);
  await endEach(dispatch, "c");
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b"]);
  await endEach(dispatch, "b");
  assert.deepEqual(dispatch.listed(), ["1: a"]);
  assert.equal(dispatch.pool.busy, 1);
  await endEach(dispatch, "ade");
  assert.deepEqual(dispatch.begun.slice(3), ["d on 1", "e on 1"]);
  await dispatch.close();
});

Deno.test("a worker that leaves has left when its last client gets the outcome", async () => {
  const dispatch = dispatchByHand({ size: 2, places: 0 });
  const outcomes = [dispatch.submit("a"), dispatch.submit("b")];
  await nextTurn();
  dispatch.pool.resize(1);
  dispatch.end("b");
  await outcomes[1];
  assert.deepEqual(dispatch.listed(), ["1: a"]);
  await endEach(dispatch, "a");
  await dispatch.close();
});

Deno.test("resize() of a pool lets a worker stay that has not finished its job before the pool grows again", async () => {
  const dispatch = await poolOf(3, "abcd");
  dispatch.pool.resize(1);
  dispatch.pool.resize(4);
  await nextTurn();
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b", "3: c", "4: d"]);
  dispatch.submit("e");
  await endEach(dispatch, "c");
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b", "3: e", "4: d"]);
  await endEach(dispatch, "abde");
  await dispatch.close();
});

Deno.test("workers() of a pool lists in order of ids a worker that leaves and those that came later", async () => {
  const dispatch = await poolOf(3, "abc");
  await endEach(dispatch, "b");
  dispatch.pool.resize(1);
  assert.deepEqual(dispatch.listed(), ["1: a", "3: c"]);
  dispatch.pool.resize(2);
  assert.deepEqual(dispatch.listed(), ["1: a", "2", "3: c"]);
  await endEach(dispatch, "ca");
  assert.deepEqual(dispatch.listed(), ["1", "2"]);
  await dispatch.close();
});

Deno.test("resize() of a pool lets a worker run the job that is on its way to it, and nothing after it", async () => {
  const dispatch = await poolOf(2, "");
  for (const id of "abc") dispatch.submit(id);
  dispatch.pool.resize(1);
  await nextTurn();
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b"]);
  await endEach(dispatch, "b");
  assert.deepEqual(dispatch.listed(), ["1: a"]);
  await endEach(dispatch, "ac");
  await dispatch.close();
});

for (const regrown of [false, true]) {
  const then = regrown ? "waits on if the pool has grown again" : "ends";
  Deno.test(`a worker that leaves and whose job on its way leaves the queue ${then}`, async () => {
    const dispatch = await poolOf(2, "a");
    const place = dispatch.line.reserve({ command: "default" });
    assert.ok(place.reserved);
    const outcome = place.fill(specOf("b"));
    dispatch.pool.resize(1);
    place.leave();
    if (regrown) dispatch.pool.resize(2);
    await outcome;
    await nextTurn();
    assert.deepEqual(dispatch.listed(), regrown ? ["1: a", "2"] : ["1: a"]);
    dispatch.submit("c");
    await nextTurn();
    assert.deepEqual(dispatch.listed(), regrown ? ["1: a", "2: c"] : ["1: a"]);
    await endEach(dispatch, regrown ? "ca" : "ac");
    await dispatch.close();
  });
}

Deno.test("resize() of a pool that shrinks and grows in one turn has one worker with each id", async () => {
  const dispatch = await poolOf(3, "");
  dispatch.pool.resize(1);
  dispatch.pool.resize(3);
  for (const id of "abcd") dispatch.submit(id);
  await nextTurn();
  assert.deepEqual(dispatch.listed(), ["1: a", "2: b", "3: c"]);
  assert.equal(dispatch.line.waiting, 1);
  await endEach(dispatch, "abcd");
  await dispatch.close();
});

Deno.test("finished of a pool waits for workers that leave", async () => {
  const dispatch = await poolOf(2, "ab");
  let finished = false;
  dispatch.pool.finished.then(() => finished = true);
  dispatch.pool.resize(1);
  dispatch.line.close();
  await endEach(dispatch, "a");
  assert.equal(finished, false);
  await endEach(dispatch, "b");
  assert.equal(finished, true);
});

Deno.test("resize() of a pool that has ended lists as many idle workers, of which none takes a job", async () => {
  const dispatch = await poolOf(2, "");
  await dispatch.close();
  dispatch.pool.resize(1);
  assert.deepEqual(dispatch.listed(), ["1"]);
  dispatch.pool.resize(3);
  await nextTurn();
  assert.deepEqual(dispatch.listed(), ["1", "2", "3"]);
});
