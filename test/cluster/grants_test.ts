import assert from "node:assert/strict";
import fc from "fast-check";
import { createGrants, type Witness } from "../../src/cluster/grants.ts";

const rerun = { onLost: "rerun", attempts: 3 } as const;
const fail = { onLost: "fail", attempts: 3 } as const;

/** What is known if these machines are dead, and those deny the job. */
function witness({ dead = [], deny = [] }: { dead?: string[]; deny?: string[] } = {}): Witness {
  return { isAlive: (node) => !dead.includes(node), denies: (node) => deny.includes(node) };
}

Deno.test("claim() lets one machine run a job, and tells others that it has it", () => {
  const grants = createGrants(rerun);
  assert.equal(grants.holder, undefined);
  assert.equal(grants.begun, 0);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 0, witness()), "run");
  assert.equal(grants.claim({ node: "b", attempt: 2 }, 1, witness()), "held");
  assert.equal(grants.holder, "a");
  assert.equal(grants.begun, 1);
});

Deno.test("claim() answers a question that is asked again as before", () => {
  for (const rules of [rerun, fail]) {
    const grants = createGrants(rules);
    for (const nowMs of [0, 500, 1000]) {
      assert.equal(grants.claim({ node: "a", attempt: 1 }, nowMs, witness()), "run");
    }
    assert.equal(grants.begun, 1);
  }
});

Deno.test("claim() counts a job as lost that its holder was offered anew", () => {
  const grants = createGrants(rerun);
  for (const attempt of [1, 2, 3]) {
    assert.equal(grants.claim({ node: "a", attempt }, attempt, witness()), "run");
    assert.equal(grants.begun, attempt);
  }
  assert.equal(grants.claim({ node: "a", attempt: 4 }, 4, witness()), "lost");
  const once = createGrants(fail);
  assert.equal(once.claim({ node: "a", attempt: 1 }, 1, witness()), "run");
  assert.equal(once.claim({ node: "a", attempt: 2 }, 2, witness()), "lost");
});

Deno.test("claim() counts a job as lost that its holder has denied before it asks, as after a second message", () => {
  const grants = createGrants({ onLost: "rerun", attempts: 2 });
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 0, witness()), "run");
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 1, witness({ deny: ["a"] })), "run");
  assert.equal(grants.begun, 2);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 2, witness({ deny: ["a"] })), "lost");
});

Deno.test("claim() lets another machine run a job whose holder is dead or denies it, as often as allowed", () => {
  const grants = createGrants(rerun);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 0, witness()), "run");
  assert.equal(grants.claim({ node: "b", attempt: 2 }, 1, witness({ dead: ["a"] })), "run");
  assert.equal(grants.mayRunAgain(), true);
  assert.equal(grants.claim({ node: "c", attempt: 3 }, 2, witness({ deny: ["b"] })), "run");
  assert.equal(grants.holder, "c");
  assert.equal(grants.mayRunAgain(), false);
  assert.equal(grants.claim({ node: "a", attempt: 4 }, 3, witness()), "held");
  assert.equal(grants.claim({ node: "a", attempt: 5 }, 4, witness({ deny: ["c"] })), "lost");
});

Deno.test("claim() asks what the holder denies since its own grant", () => {
  const grants = createGrants(rerun);
  const asked: unknown[] = [];
  const curious: Witness = {
    isAlive: () => true,
    denies: (...question) => asked.push(question) === 2,
  };
  grants.claim({ node: "a", attempt: 1 }, 10, curious);
  grants.claim({ node: "a", attempt: 1 }, 20, curious);
  grants.claim({ node: "b", attempt: 2 }, 30, curious);
  grants.claim({ node: "a", attempt: 3 }, 40, curious);
  assert.deepEqual(asked, [["a", 10], ["a", 10], ["b", 30]]);
});

Deno.test("claim() answers lost to everyone forever, once it has", () => {
  const grants = createGrants(fail);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 0, witness()), "run");
  assert.equal(grants.mayRunAgain(), false);
  assert.equal(grants.claim({ node: "b", attempt: 2 }, 1, witness({ deny: ["a"] })), "lost");
  assert.equal(grants.holder, undefined);
  grants.giveBack({ node: "a", attempt: 1 });
  for (const claimant of [{ node: "a", attempt: 1 }, { node: "c", attempt: 3 }]) {
    assert.equal(grants.claim(claimant, 2, witness()), "lost");
  }
  assert.equal(grants.isLost(witness()), true);
  assert.equal(grants.begun, 1);
});

Deno.test("giveBack() frees a job without counting the attempt, if the machine has it", () => {
  const grants = createGrants(fail);
  grants.giveBack({ node: "a", attempt: 1 });
  assert.equal(grants.begun, 0);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 0, witness()), "run");
  grants.giveBack({ node: "b", attempt: 1 });
  assert.equal(grants.holder, "a");
  for (let time = 0; time < 2; time++) {
    grants.giveBack({ node: "a", attempt: 1 });
    assert.equal(grants.holder, undefined);
    assert.equal(grants.begun, 0);
  }
  assert.equal(grants.mayRunAgain(), true);
  assert.equal(grants.claim({ node: "b", attempt: 2 }, 1, witness({ dead: ["a"] })), "run");
});

Deno.test("giveBack() of a later offer does not undo a run of an earlier one", () => {
  const grants = createGrants(fail);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 0, witness()), "run");
  grants.giveBack({ node: "a", attempt: 2 });
  assert.equal(grants.holder, "a");
  assert.equal(grants.begun, 1);
});

Deno.test("isLost() is true if the holder is dead and nobody else may run the job", () => {
  const grants = createGrants(rerun);
  const dead = witness({ dead: ["a", "b", "c"] });
  assert.equal(grants.isLost(dead), false, "nobody has begun it");
  for (const [index, node] of ["a", "b", "c"].entries()) {
    assert.equal(grants.isLost(dead), false);
    assert.equal(grants.claim({ node, attempt: index }, index, dead), "run");
  }
  assert.equal(grants.isLost(witness({ dead: ["a", "b"] })), false);
  assert.equal(grants.isLost(dead), true);
});

Deno.test("isLost() stays true when the holder returns, whose claim is lost", () => {
  const grants = createGrants(fail);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 0, witness()), "run");
  assert.equal(grants.isLost(witness({ dead: ["a"] })), true);
  assert.equal(grants.isLost(witness()), true);
  assert.equal(grants.claim({ node: "a", attempt: 1 }, 1, witness()), "lost");
});

const names = ["a", "b", "c"];
const name = fc.constantFrom(...names);
const rules = fc.record({
  onLost: fc.constantFrom("rerun", "fail"),
  attempts: fc.integer({ min: 1, max: 4 }),
});

Deno.test("grants keep their rules whatever the witness says", () => {
  const attempt = fc.integer({ min: 1, max: 3 });
  const claim = fc.record({
    do: fc.constant("claim" as const),
    node: name,
    attempt,
    dead: fc.subarray(names),
    deny: fc.subarray(names),
  });
  const other = fc.record({
    do: fc.constantFrom("giveBack" as const, "isLost" as const),
    node: name,
    attempt,
    dead: fc.subarray(names),
  });
  fc.assert(
    fc.property(rules, fc.array(fc.oneof(claim, other)), (rules, script) => {
      const most = rules.onLost === "fail" ? 1 : rules.attempts;
      const grants = createGrants(rules);
      let question: { node: string; attempt: number } | undefined;
      let lost = false;
      for (const [nowMs, step] of script.entries()) {
        const { holder, begun } = grants;
        const may = grants.mayRunAgain();
        if (step.do === "claim") {
          const { node, attempt, dead, deny } = step;
          const verdict = grants.claim({ node, attempt }, nowMs, witness({ dead, deny }));
          const repeated = question?.node === node && question.attempt === attempt &&
            !deny.includes(node);
          const free = holder === undefined || holder === node || dead.includes(holder) ||
            deny.includes(holder);
          const ended = lost || holder !== undefined && dead.includes(holder) && !may;
          if (ended) assert.equal(verdict, "lost");
          else if (repeated) assert.equal(verdict, "run");
          else if (!free) assert.equal(verdict, "held");
          else assert.equal(verdict, may ? "run" : "lost");
          const began = verdict === "run" && !repeated;
          assert.equal(grants.begun, begun + (began ? 1 : 0));
          if (verdict === "run") {
            assert.equal(grants.holder, node);
            question = { node, attempt };
          }
          lost ||= verdict === "lost";
        } else if (step.do === "giveBack") {
          const { node, attempt } = step;
          grants.giveBack({ node, attempt });
          const given = question?.node === node && question.attempt === attempt &&
            holder !== undefined;
          if (given) question = undefined;
          assert.equal(grants.holder, given ? undefined : holder);
          assert.equal(grants.begun, begun - (given ? 1 : 0));
        } else {
          const ended = holder !== undefined && step.dead.includes(holder) && !may;
          lost ||= ended;
          assert.equal(grants.isLost(witness(step)), lost);
        }
        assert.ok(grants.begun <= most);
        assert.equal(grants.mayRunAgain(), !lost && grants.begun < most);
        if (lost) assert.equal(grants.holder, undefined);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("isHeldBy() is true for the machine and the offer that may run the job, isHeld() while that lives and does not deny it", () => {
  const grants = createGrants(rerun);
  assert.equal(grants.isHeldBy({ node: "a", attempt: 1 }), false);
  assert.equal(grants.isHeld(witness()), false);
  grants.claim({ node: "a", attempt: 1 }, 0, witness());
  assert.equal(grants.isHeldBy({ node: "a", attempt: 1 }), true);
  assert.equal(grants.isHeldBy({ node: "a", attempt: 2 }), false);
  assert.equal(grants.isHeldBy({ node: "b", attempt: 1 }), false);
  assert.equal(grants.isHeld(witness()), true);
  assert.equal(grants.isHeld(witness({ dead: ["a"] })), false);
  assert.equal(grants.isHeld(witness({ deny: ["a"] })), false);
  grants.giveBack({ node: "a", attempt: 1 });
  assert.equal(grants.isHeld(witness()), false);
});
