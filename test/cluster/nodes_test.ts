import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Beat,
  createNodes,
  differing,
  joined,
  keeperOf,
  limitOf,
  type NodeState,
  retryAfterSec,
} from "../../src/cluster/nodes.ts";
import { beatOf, poolBeatOf } from "../support/beats.ts";

const timeoutMs = 3000;
const job = { pool: "p", uid: "job-1" };

/** A beat of a machine that holds these jobs. */
function beat(node: string, held?: readonly string[], state?: NodeState): Beat {
  return beatOf(node, { p: poolBeatOf(held && { held }) }, state);
}

/** Ids of the machines that live. */
function living(nodes: ReturnType<typeof createNodes>, nowMs: number): readonly string[] {
  return nodes.alive(nowMs).map(({ beat }) => beat.node);
}

Deno.test("isAlive() is true until nothing was heard or seen of a machine for the timeout", () => {
  const nodes = createNodes(timeoutMs);
  assert.equal(nodes.isAlive("a", 0), false, "it has never been heard");
  nodes.heard(beat("a"), 1000);
  assert.equal(nodes.isAlive("a", 3999), true);
  assert.equal(nodes.isAlive("a", 4000), false);
  nodes.seen("a", 4500);
  assert.equal(nodes.isAlive("a", 7499), true);
  assert.equal(nodes.isAlive("a", 7500), false);
});

Deno.test("seen() shows that a machine lives, of which nothing else is known before it is heard", () => {
  const nodes = createNodes(timeoutMs);
  nodes.seen("a", 0);
  assert.equal(nodes.isAlive("a", 2999), true);
  assert.equal(nodes.isAlive("a", 3000), false);
  assert.equal(nodes.denies("a", job, -Infinity), false);
  assert.deepEqual(nodes.alive(1), []);
  nodes.heard(beat("a"), 2);
  assert.deepEqual(nodes.alive(3), [{ beat: beat("a"), sinceMs: 2 }]);
});

Deno.test("isAlive() is false at once for a machine that is leaving, until it says something else", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("a"), 0);
  nodes.heard(beat("a", [], "draining"), 10);
  assert.equal(nodes.isAlive("a", 11), true);
  nodes.heard(beat("a", [], "gone"), 20);
  assert.equal(nodes.isAlive("a", 20), false);
  nodes.seen("a", 21);
  nodes.reconnected(22);
  assert.equal(nodes.isAlive("a", 23), false);
  nodes.heard(beat("a"), 24);
  assert.equal(nodes.isAlive("a", 25), true);
});

Deno.test("isAlive() is true for every machine for a timeout after this one was away itself", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("a"), 0);
  assert.equal(nodes.isAlive("a", 8000), false);
  nodes.reconnected(8000);
  for (const node of ["a", "never heard"]) {
    assert.equal(nodes.isAlive(node, 10_999), true);
    assert.equal(nodes.isAlive(node, 11_000), false);
  }
  assert.deepEqual(living(nodes, 8000), ["a"]);
});

Deno.test("lost() counts the machines that fell silent in the last minute, and not those that have left", () => {
  const nodes = createNodes(timeoutMs);
  for (const node of ["a", "b", "c"]) nodes.heard(beat(node), 0);
  nodes.heard(beat("c", [], "gone"), 10);
  assert.equal(nodes.lost(2999), 0);
  nodes.heard(beat("b"), 2999);
  assert.equal(nodes.lost(3000), 1);
  nodes.reconnected(4000);
  assert.equal(nodes.lost(4000), 0, "this machine was away itself");
  assert.equal(nodes.lost(7000), 2);
  nodes.alive(67_000);
  assert.equal(nodes.lost(67_000), 0);
});

Deno.test("isAlive() is false for a machine that is cut off, though the server still believes in it", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("front"), 0);
  // Questions to it have no answer; that alone says nothing, and only its silence counts.
  assert.equal(nodes.isAlive("front", 500), true);
  assert.equal(nodes.isAlive("front", timeoutMs), false);
});

Deno.test("denies() is true for a machine whose beat after the grant does not list the job", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("a"), 1000);
  assert.equal(nodes.denies("a", job, 999), true);
  nodes.heard(beat("a", ["job-0", "job-1"]), 2000);
  assert.equal(nodes.denies("a", job, 999), false);
  assert.equal(
    nodes.denies("a", { ...job, pool: "q" }, 999),
    true,
    "it holds that of another pool",
  );
});

Deno.test("denies() is false if the last beat is as old as the grant, or older", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("a"), 1000);
  assert.equal(nodes.denies("a", job, 1000), false);
  nodes.seen("a", 1001);
  assert.equal(nodes.denies("a", job, 1000), false, "a question is not a beat");
});

Deno.test("denies() is false if the last beat is older than the reconnection", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("a"), 1000);
  nodes.reconnected(1000);
  assert.equal(nodes.denies("a", job, 0), false);
  nodes.heard(beat("a"), 1001);
  assert.equal(nodes.denies("a", job, 0), true);
});

Deno.test("denies() is false for a machine that has never been heard", () => {
  assert.equal(createNodes(timeoutMs).denies("a", job, -Infinity), false);
});

Deno.test("isHeld() is true while a machine that lives lists the job", () => {
  const nodes = createNodes(timeoutMs);
  assert.equal(nodes.isHeld(job, 0), false);
  nodes.heard(beat("a"), 0);
  nodes.heard(beat("b", ["job-1"]), 0);
  assert.equal(nodes.isHeld(job, 2999), true);
  assert.equal(nodes.isHeld({ ...job, pool: "q" }, 2999), false);
  assert.equal(nodes.isHeld(job, 3000), false, "it is dead");
  nodes.heard(beat("b", ["job-1"], "draining"), 3001);
  assert.equal(nodes.isHeld(job, 3002), true);
  nodes.heard(beat("b", ["job-1"], "gone"), 3003);
  assert.equal(nodes.isHeld(job, 3004), false);
});

Deno.test("isHeld() takes a list of before the reconnection into account", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("a", ["job-1"]), 0);
  nodes.reconnected(9000);
  assert.equal(nodes.isHeld(job, 9001), true);
});

Deno.test("alive() is in the order of ids, with when each was heard first and what it has said last", () => {
  const nodes = createNodes(timeoutMs);
  for (const [nowMs, node] of [[0, "b"], [1, "C"], [2, "a"], [3, "b"]] as const) {
    nodes.heard(beat(node, [`at ${nowMs}`]), nowMs);
  }
  assert.deepEqual(nodes.alive(4), [
    { beat: beat("C", ["at 1"]), sinceMs: 1 },
    { beat: beat("a", ["at 2"]), sinceMs: 2 },
    { beat: beat("b", ["at 3"]), sinceMs: 0 },
  ]);
  nodes.heard(beat("a", [], "gone"), 5);
  assert.deepEqual(living(nodes, 3001), ["b"]);
});

Deno.test("alive() forgets what has been dead for a minute, and not before", () => {
  for (const [silenceMs, sinceMs] of [[62_999, 0], [63_000, 63_000]] as const) {
    const nodes = createNodes(timeoutMs);
    nodes.heard(beat("a"), 0);
    assert.deepEqual(nodes.alive(silenceMs), []);
    nodes.heard(beat("a"), 63_000);
    assert.equal(nodes.alive(63_000)[0]?.sinceMs, sinceMs);
  }
});

Deno.test("limitOf() adds workers and places, of what is stopping too, and not of what is leaving", () => {
  const pools = { p: poolBeatOf({ workers: 3, places: 5 }), q: poolBeatOf({ places: 9 }) };
  const nodes = [
    beatOf("a", pools),
    beatOf("b", pools, "draining"),
    beatOf("c", pools, "gone"),
    beatOf("d", {}),
  ];
  assert.equal(limitOf("p", nodes), 16);
  assert.equal(limitOf("q", nodes), 20);
  assert.equal(limitOf("constructor", nodes), 0);
});

Deno.test("keeperOf() is the lowest id that has the pool and is not leaving", () => {
  const nodes = [
    beat("c"),
    beat("b", [], "draining"),
    beat("a", [], "gone"),
    beatOf("0", { q: poolBeatOf() }),
  ];
  assert.equal(keeperOf("p", nodes), "b");
  assert.equal(keeperOf("q", nodes), "0");
  assert.equal(keeperOf("r", nodes), undefined);
});

Deno.test("retryAfterSec() is the mean run time × the place of the next job ÷ workers", () => {
  const of = (...pools: Parameters<typeof poolBeatOf>[0][]) =>
    retryAfterSec(pools.map((changes) => poolBeatOf(changes)));
  assert.equal(of(), 1);
  assert.equal(of({ waiting: 100 }), 1, "nothing has been measured");
  assert.equal(of({ workers: 2, meanRunSec: 10 }), 5, "10 s × 1 ÷ 2");
  assert.equal(of({ workers: 2, meanRunSec: 10, waiting: 3 }), 20, "10 s × 4 ÷ 2");
  assert.equal(
    of({ workers: 0, waiting: 3 }, { meanRunSec: 10 }),
    40,
    "waiting in front of others",
  );
  assert.equal(of({ workers: 0, meanRunSec: 10, waiting: 3 }), 1, "no workers");
  assert.equal(
    of({ workers: 3, meanRunSec: 2, waiting: 4 }, { meanRunSec: 10, waiting: 3 }, { workers: 4 }),
    4,
    "4 s × 8 ÷ 8",
  );
  assert.equal(of({ meanRunSec: 0.1 }), 1);
});

Deno.test("differing() names the commands that have another text elsewhere; a missing one is no difference", () => {
  const own = poolBeatOf({ commands: { z: "1", a: "2", b: "3", mine: "4", constructor: "5" } });
  const other = (node: string, commands: Readonly<Record<string, string>>, state?: NodeState) =>
    beatOf(node, { p: poolBeatOf({ commands }) }, state);
  assert.deepEqual(
    differing("p", own, [
      other("a", { z: "1", a: "other", b: "3" }),
      other("b", { z: "other", a: "2", theirs: "6" }),
      other("c", { b: "other" }, "gone"),
      beatOf("d", { q: poolBeatOf({ commands: { b: "other" } }) }),
    ]),
    ["a", "z"],
  );
  assert.deepEqual(differing("p", own, []), []);
});

const ids = ["a", "b", "c"];
const uids = ["job-1", "job-2"];
const node = fc.constantFrom(...ids);
const state = fc.constantFrom<NodeState>("up", "up", "draining", "gone");

/** What can happen to a group in less than a minute, as one of its machines sees it. */
const steps = fc.array(
  fc.record({
    afterMs: fc.constantFrom(0, 1, 999, 1000, 2999, 3000),
    event: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant("beat" as const),
          node,
          state,
          held: fc.subarray(uids),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("seen" as const), node }) },
      { weight: 1, arbitrary: fc.constant({ do: "reconnected" } as const) },
    ),
  }),
  { maxLength: 15, size: "max" },
);

Deno.test("nodes call a machine dead, or say that it denies a job, only for what was heard since", () => {
  fc.assert(
    fc.property(steps, fc.nat({ max: 4000 }), (script, restMs) => {
      const nodes = createNodes(timeoutMs);
      const beats: { node: string; atMs: number; state: NodeState; held: readonly string[] }[] = [];
      const signs: { node: string; atMs: number }[] = [];
      let reconnectedMs = -Infinity;
      let nowMs = 0;

      const lastBeat = (id: string) => beats.findLast(({ node }) => node === id);
      const lives = (id: string) => {
        const sign = signs.findLast(({ node }) => node === id);
        return lastBeat(id)?.state !== "gone" &&
          nowMs - Math.max(sign?.atMs ?? -Infinity, reconnectedMs) < timeoutMs;
      };
      const check = () => {
        for (const id of ids) {
          assert.equal(nodes.isAlive(id, nowMs), lives(id), id);
          const last = lastBeat(id);
          for (const uid of uids) {
            for (const { atMs: sinceMs } of [...signs, { atMs: nowMs }]) {
              assert.equal(
                nodes.denies(id, { pool: "p", uid }, sinceMs),
                last !== undefined && last.atMs > sinceMs && last.atMs > reconnectedMs &&
                  !last.held.includes(uid),
              );
            }
          }
        }
        assert.deepEqual(living(nodes, nowMs), ids.filter((id) => lastBeat(id) && lives(id)));
        for (const uid of uids) {
          const held = ids.some((id) => lives(id) && lastBeat(id)?.held.includes(uid));
          assert.equal(nodes.isHeld({ pool: "p", uid }, nowMs), held);
        }
      };

      for (const { afterMs, event } of script) {
        nowMs += afterMs;
        switch (event.do) {
          case "beat":
            nodes.heard(beat(event.node, event.held, event.state), nowMs);
            beats.push({ ...event, atMs: nowMs });
            signs.push({ node: event.node, atMs: nowMs });
            break;
          case "seen":
            nodes.seen(event.node, nowMs);
            signs.push({ node: event.node, atMs: nowMs });
            break;
          case "reconnected":
            nodes.reconnected(nowMs);
            reconnectedMs = nowMs;
        }
        check();
      }
      nowMs += restMs;
      check();
    }),
    { numRuns: 500 },
  );
});

Deno.test("limitOf() and keeperOf() are the same and exact on machines that heard the same beats in any order", () => {
  const pool = fc.record({ workers: fc.nat({ max: 9 }), places: fc.nat({ max: 9 }) });
  const beats = fc.tuple(state, fc.option(pool));
  /** For each machine, what it says in turn. */
  const speakers = fc.array(fc.array(beats, { minLength: 1, maxLength: 5 }), { maxLength: 6 });
  fc.assert(fc.property(speakers, fc.infiniteStream(fc.nat()), (speakers, random) => {
    const hear = () => {
      const nodes = createNodes(timeoutMs);
      const waiting = speakers.map((said, index) => ({ id: `node-${index}`, said: [...said] }));
      for (let left = waiting; left.length > 0; left = left.filter(({ said }) => said.length > 0)) {
        const speaker = left[(random.next().value ?? 0) % left.length];
        const [state, pool] = speaker?.said.shift() ?? ["gone", null];
        nodes.heard(beatOf(speaker?.id ?? "", pool ? { p: poolBeatOf(pool) } : {}, state), 0);
      }
      return nodes.alive(1).map(({ beat }) => beat);
    };
    const last = speakers.map((said, index) => ({ index, said: said.at(-1) }));
    const having = last.flatMap(({ index, said }) =>
      said && said[0] !== "gone" && said[1] ? [{ id: `node-${index}`, ...said[1] }] : []
    );
    const limit = having.reduce((total, { workers, places }) => total + workers + places, 0);
    for (const heard of [hear(), hear(), hear().toReversed()]) {
      assert.equal(limitOf("p", heard), limit);
      assert.equal(keeperOf("p", heard), having[0]?.id);
    }
  }));
});

Deno.test("joined() adds up what two queues of one pool say, and has all jobs of both", () => {
  const one = {
    ...poolBeatOf({ held: ["a"] }),
    workers: 1,
    places: 2,
    busy: 1,
    waiting: 3,
    meanRunSec: 5,
  };
  const other = {
    ...poolBeatOf({ held: ["b"] }),
    workers: 4,
    places: 5,
    busy: 2,
    waiting: 1,
    meanRunSec: 0,
  };
  assert.deepEqual(joined(one, other), {
    workers: 5,
    places: 7,
    busy: 3,
    waiting: 4,
    meanRunSec: 5,
    held: ["a", "b"],
    commands: other.commands,
  });
});

Deno.test("hasLeft() is true after a machine has said that it is leaving", () => {
  const nodes = createNodes(timeoutMs);
  nodes.heard(beat("a"), 0);
  assert.equal(nodes.hasLeft("a"), false);
  nodes.heard(beat("a", [], "gone"), 1);
  assert.equal(nodes.hasLeft("a"), true);
  assert.equal(nodes.hasLeft("b"), false);
});
