import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createGrants,
  type GrantRules,
  type Grants,
  type Verdict,
  type Witness,
} from "../../src/cluster/grants.ts";
import { createNodes, type Nodes } from "../../src/cluster/nodes.ts";
import { beatOf, poolBeatOf } from "../support/beats.ts";

const timeoutMs = 3000;
const job = { pool: "p", uid: "job-1" };
const rules = { onLost: "rerun", attempts: 3 } as const;

/** What a front knows that has heard these machines. */
function witnessOf(nodes: Nodes, nowMs: number): Witness {
  return {
    isAlive: (node) => nodes.isAlive(node, nowMs),
    denies: (node, sinceMs) => nodes.denies(node, job, sinceMs),
  };
}

/** A claim of a machine, of which the front knows then that it lives. */
function ask(grants: Grants, nodes: Nodes, node: string, attempt: number, nowMs: number): Verdict {
  nodes.seen(node, nowMs);
  return grants.claim({ node, attempt }, nowMs, witnessOf(nodes, nowMs));
}

function beat(node: string, held: readonly string[] = []) {
  return beatOf(node, { p: poolBeatOf({ held }) });
}

Deno.test("a job of a killed machine runs elsewhere when it is offered again, if the timeout is shorter than that takes", () => {
  for (const [silenceMs, verdict] of [[5000, "run"], [2900, "held"]] as const) {
    const [grants, nodes] = [createGrants(rules), createNodes(timeoutMs)];
    nodes.heard(beat("a", ["job-1"]), 0);
    nodes.heard(beat("b"), 0);
    assert.equal(ask(grants, nodes, "a", 1, 0), "run");
    assert.equal(ask(grants, nodes, "b", 2, silenceMs), verdict);
  }
});

Deno.test("a beat that is older than the grant does not take a job from its machine", () => {
  const [grants, nodes] = [createGrants(rules), createNodes(timeoutMs)];
  nodes.heard(beat("a"), 0);
  nodes.heard(beat("b"), 0);
  assert.equal(ask(grants, nodes, "a", 1, 500), "run");
  assert.equal(ask(grants, nodes, "b", 2, 600), "held");
  nodes.heard(beat("a", ["job-1"]), 1000);
  assert.equal(ask(grants, nodes, "b", 3, 1100), "held");
});

Deno.test("after the front was away, neither silence nor an old beat takes a job from its machine", () => {
  const [grants, nodes] = [createGrants(rules), createNodes(timeoutMs)];
  nodes.heard(beat("b"), 0);
  nodes.heard(beat("a", ["job-1"]), 0);
  assert.equal(ask(grants, nodes, "a", 1, 1), "run");
  // It gives up the job, is offered it again and begins at once, while the front is away.
  nodes.heard(beat("a"), 1000);
  nodes.reconnected(9000);
  assert.equal(grants.isLost(witnessOf(nodes, 9000)), false);
  assert.equal(ask(grants, nodes, "b", 3, 9100), "held");
  nodes.heard(beat("a", ["job-1"]), 9200);
  assert.equal(ask(grants, nodes, "b", 4, 12_100), "held");
});

Deno.test("a job whose result its machine has given up can run again, once it denies the job", () => {
  const [grants, nodes] = [createGrants(rules), createNodes(timeoutMs)];
  nodes.heard(beat("a", ["job-1"]), 0);
  assert.equal(ask(grants, nodes, "a", 1, 1), "run");
  nodes.heard(beat("a"), 1000);
  assert.equal(nodes.isHeld(job, 1000), false);
  assert.equal(ask(grants, nodes, "b", 1, 1001), "run");
});

const names = ["a", "b", "c"];

/** A machine that runs jobs, as it is in truth. */
interface Executor {
  readonly node: string;
  dead?: true;
  /** Whether it is cut off from the others. */
  cut?: boolean;
  /** The number of attempts of the message that it has. */
  attempt?: number | undefined;
  /** Whether it runs the job. */
  running?: boolean;
  /** Whether another machine was allowed to run the job since, because nothing was heard of this one. */
  overtaken?: boolean;
  /** When the front heard it last. */
  reachedMs: number;
}

/** A group of honest machines that claim before they run, a job in its queue, and the front of the job. */
function observe(rules: GrantRules) {
  const [grants, nodes] = [createGrants(rules), createNodes(timeoutMs)];
  const executors = names.map((node): Executor => ({ node, reachedMs: -Infinity }));
  let nowMs = 0;
  let reconnectedMs = 0;
  let away = false;
  let offers = 0;
  let runs = 0;
  let lost = false;
  nodes.reconnected(0);

  const reaches = ({ dead, cut }: Executor) => !dead && !cut && !away;

  function drop(executor: Executor): void {
    executor.attempt = undefined;
    executor.running = false;
    executor.overtaken = false;
  }

  function sendBeat(executor: Executor, state?: "gone"): void {
    if (!reaches(executor)) return;
    const held = executor.attempt === undefined ? [] : [job.uid];
    nodes.heard(beatOf(executor.node, { p: poolBeatOf({ held }) }, state), nowMs);
    executor.reachedMs = nowMs;
  }

  /** Checks when a machine is allowed to run the job that nothing was heard of others that run it. */
  function checkRight(executor: Executor): void {
    for (const other of executors) {
      if (other === executor || !other.running || other.overtaken) continue;
      assert.ok(nowMs - Math.max(other.reachedMs, reconnectedMs) >= timeoutMs, "two may run it");
      other.overtaken = true;
    }
    executor.overtaken = false;
  }

  /** The machine asks, if it has the message; `answered`: whether the answer arrives. */
  function claim(executor: Executor, answered: boolean): void {
    const { node, attempt } = executor;
    if (attempt === undefined || !reaches(executor)) return;
    executor.reachedMs = nowMs;
    const verdict = ask(grants, nodes, node, attempt, nowMs);
    if (lost) assert.equal(verdict, "lost");
    lost = verdict === "lost";
    if (verdict === "run") checkRight(executor);
    if (!answered) return;
    if (verdict !== "run") drop(executor);
    else if (!executor.running) {
      executor.running = true;
      runs++;
    }
  }

  /** The machine gives back the message, if it has it; a run that has begun has had no effect. */
  function giveBack(executor: Executor): void {
    const { node, attempt, running } = executor;
    if (attempt === undefined) return;
    if (reaches(executor)) {
      const { begun } = grants;
      grants.giveBack({ node, attempt });
      if (running && grants.begun < begun) runs--;
    }
    drop(executor);
  }

  function take(step: Step): void {
    const executor = executors[step.which % executors.length];
    assert.ok(executor);
    switch (step.do) {
      case "pass":
        nowMs += step.which % 4000;
        break;
      case "offer":
        offers++;
        if (!executor.dead && !executor.cut && executor.attempt === undefined) {
          executor.attempt = offers;
          claim(executor, step.answered);
        }
        break;
      case "ask":
        claim(executor, step.answered);
        break;
      case "beat":
        sendBeat(executor);
        break;
      case "drop":
        drop(executor);
        break;
      case "give back":
        giveBack(executor);
        break;
      case "die":
        drop(executor);
        executor.dead = true;
        break;
      case "leave":
        drop(executor);
        sendBeat(executor, "gone");
        executor.dead = true;
        break;
      case "cut":
        executor.cut = !executor.cut;
        break;
      case "away":
        away = !away;
        if (away) break;
        nodes.reconnected(nowMs);
        reconnectedMs = nowMs;
        break;
      case "poll": {
        const is = grants.isLost(witnessOf(nodes, nowMs));
        if (lost) assert.ok(is);
        lost = is;
      }
    }
    const most = rules.onLost === "fail" ? 1 : rules.attempts;
    assert.ok(runs <= most, `${runs} runs`);
    assert.ok(grants.begun <= most);
  }

  /** Checks that a new machine has an answer for good, unless one that can be heard has the job. */
  function finish(): void {
    if (away) take({ do: "away", which: 0, answered: true });
    nowMs += timeoutMs;
    for (const executor of executors) sendBeat(executor);
    const holder = executors.find(({ node }) => node === grants.holder);
    const held = holder && reaches(holder) && holder.attempt !== undefined;
    nodes.heard(beat("new", [job.uid]), nowMs);
    const verdict = ask(grants, nodes, "new", ++offers, nowMs);
    assert.equal(verdict === "held", Boolean(held), verdict);
  }

  return { take, finish };
}

/** What can happen to the group; `answered`: whether the answer to a claim arrives. */
const steps = fc.record({
  do: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom("pass", "offer", "ask", "beat") },
    { weight: 3, arbitrary: fc.constantFrom("drop", "give back", "cut", "away", "poll") },
    { weight: 1, arbitrary: fc.constantFrom("die", "leave") },
  ),
  which: fc.nat(),
  answered: fc.boolean(),
});

const anyRules = fc.record({
  onLost: fc.constantFrom("rerun", "fail"),
  attempts: fc.integer({ min: 1, max: 4 }),
});

type Step = typeof steps extends fc.Arbitrary<infer S> ? S : never;

Deno.test("in a group that fails in any way, one machine at a time may run a job, as often as allowed, and no job is held forever", () => {
  const scripts = fc.array(steps, { maxLength: 60, size: "max" });
  fc.assert(
    fc.property(anyRules, scripts, (rules, script) => {
      const { take, finish } = observe(rules);
      for (const step of script) take(step);
      finish();
    }),
    { numRuns: 2000 },
  );
});
