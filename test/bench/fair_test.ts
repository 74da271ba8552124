import assert from "node:assert/strict";
import { fairFigures, type FairTurn, type FairTurns } from "../../bench/fair_figures.ts";
import { type FairPlan, postFairly } from "../../bench/loads/fair.ts";

const turn = (changes: Partial<FairTurn> = {}): FairTurn => ({
  loneMs: 100,
  smallMs: [100, 150],
  smallRefused: 0,
  ...changes,
});

const figuresOf = (changes: Partial<FairTurns>) =>
  Object.fromEntries(
    fairFigures({
      fifo: [turn()],
      fair: [turn()],
      fifoLong: [turn()],
      fairLong: [turn()],
      limitedLong: [turn()],
      ...changes,
    }).map((figure) => [figure.name, figure]),
  );

Deno.test("fairFigures() joins all turns, each with the multiples of its own lone run", () => {
  const figures = figuresOf({
    fair: [
      turn({ smallMs: [150, 100], smallRefused: 1 }),
      turn({ loneMs: 200, smallMs: [500], smallRefused: 2 }),
    ],
  });
  assert.equal(figures["fairDone"]?.median, 3);
  assert.equal(figures["fairRefused"]?.median, 3);
  assert.equal(figures["fairP50"]?.median, 1.5);
  assert.equal(figures["fairP95"]?.median, 2.5);
});

Deno.test("fairFigures() judges the fair queue: no refusal, and a p95 of at most 2 where jobs are equal", () => {
  const goals = Object.values(figuresOf({}))
    .filter(({ goal }) => goal).map(({ name, goal, met }) => [name, goal, met]);
  assert.deepEqual(goals, [
    ["fairRefused", { atMost: 0 }, true],
    ["fairP95", { atMost: 2 }, true],
    ["fairLongRefused", { atMost: 0 }, true],
    ["limitedLongRefused", { atMost: 0 }, true],
  ]);
  const missed = figuresOf({ fair: [turn({ smallMs: [201], smallRefused: 1 })] });
  assert.deepEqual([missed["fairRefused"]?.met, missed["fairP95"]?.met], [false, false]);
});

Deno.test("fairFigures() omits the times where every request was refused", () => {
  const figures = figuresOf({ fifo: [turn({ smallMs: [], smallRefused: 9 })] });
  assert.deepEqual([figures["fifoDone"]?.median, figures["fifoRefused"]?.median], [0, 9]);
  assert.deepEqual([figures["fifoP50"], figures["fifoP95"]], [undefined, undefined]);
});

const done = () => new Response('{"exit_status":0,"id":"fair"}');
const refused = () => new Response("The queue is full\n", { status: 503 });

/** Runs the load on a server that answers the n-th request (from 0) of each client so. */
async function load(
  changes: Partial<FairPlan>,
  answer: (client: string, request: number) => Response,
) {
  const seen: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const client = request.headers.get("authorization")?.replace("Bearer ", "") ?? "nobody";
    const number = seen.filter((name) => name === client).length;
    seen.push(client);
    return answer(client, number);
  });
  const { hostname, port } = server.addr;
  const result = await postFairly({
    address: { hostname, port },
    tokens: { bully: "bully", small: ["a", "b"] },
    bullyRequests: 2,
    bullyRunMs: 10,
    smallClients: 2,
    runMs: 1,
    thinkMs: 1,
    loneJobs: 3,
    seconds: 0.1,
    ...changes,
  });
  return { result, seen };
}

Deno.test("postFairly() runs the lone jobs, then the bully, then the small clients once it was refused", async () => {
  const { result, seen } = await load({}, (client, request) => {
    return client === "bully" && request === 5 ? refused() : done();
  });
  assert.deepEqual(seen.slice(0, 3), ["a", "a", "a"]);
  const others = seen.slice(3);
  const small = others.flatMap((client, at) => client === "bully" ? [] : [at]);
  const refusal = others.flatMap((client, at) => client === "bully" ? [at] : [])[5] ?? NaN;
  assert.ok(small.every((at) => at > refusal));
  assert.equal(result.smallMs.length, small.length);
  assert.equal(result.smallRefused, 0);
  assert.ok(result.loneMs > 0);
});

Deno.test("postFairly() counts refusals of small clients apart from their times", async () => {
  const { result, seen } = await load({}, (client, request) => {
    return client === "bully" || client === "a" && request > 3 ? refused() : done();
  });
  const small = seen.slice(3).filter((client) => client !== "bully");
  const refusals = small.filter((client) => client === "a").slice(1).length;
  assert.equal(result.smallRefused, refusals);
  assert.equal(result.smallMs.length, small.length - refusals);
  assert.equal(result.bullyDone, 0);
});

Deno.test("postFairly() begins no request of a small client when the time is over", async () => {
  const { result } = await load(
    { seconds: 0 },
    (client) => client === "bully" ? refused() : done(),
  );
  assert.deepEqual(result.smallMs, []);
});

Deno.test("postFairly() rejects at an answer that is neither a result nor a refusal", async () => {
  await assert.rejects(
    load({}, (client) => client === "a" ? done() : new Response("no\n", { status: 401 })),
    { message: "answer 401: no" },
  );
});
