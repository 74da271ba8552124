import assert from "node:assert/strict";
import fc from "fast-check";
import { newBusyMemory } from "../../src/isolate/busy.ts";
import type { ServiceStart, ToMain, ToService } from "../../src/isolate/messages.ts";
import { type Border, createBorder } from "../../src/supervisor/border.ts";
import { configure } from "../support/machine.ts";

const spool = "/tmp/jobrunner-0123456789abcdef";
const mark = `${spool}/job-0123456789abcdef`;
const tree = { id: 1, pid: 7, mark, holdersOnly: false };
const client = { hostname: "127.0.0.1", port: 50000 };
const probe = { attempt: "connecting out", allowed: false, expected: false };

function startWith(env: Record<string, string> = {}): ServiceStart {
  const result = configure({
    JOBRUNNER_CMD: "/bin/date",
    JOBRUNNER_NUM_WORKERS: "2",
    JOBRUNNER_QUEUE_LIMIT: "3",
    ...env,
  });
  assert.ok(result.ok);
  return { config: result.config, commandEnv: {}, launcher: undefined, spool };
}

const start = startWith();

/** A border after main has sent so much; its clock stands still. */
function after(...types: readonly ToService["type"][]): Border {
  const border = createBorder(start, () => 0);
  for (const type of types) border.sent({ type, start } as unknown as ToService);
  return border;
}

/** Everything that gives credit has been sent. */
const open = () => after("start", "probe", "drain", "cut", "ping");

function reasonOf(value: unknown, border = open()): string {
  const checked = border.check(value);
  return checked.ok ? "" : checked.reason;
}

const valid: readonly ToMain[] = [
  { type: "listening", url: "http://127.0.0.1:8080" },
  { type: "failed", reason: "cannot listen" },
  { type: "probed", probes: [probe] },
  { type: "end_tree", tree },
  { type: "end_tree", tree: { id: 2, pid: 5, mark, holdersOnly: true } },
  { type: "faulty" },
  { type: "cut", running: 0, waiting: 3 },
  { type: "drained", answersGivenUp: 0 },
  { type: "measure" },
  { type: "find_gone", clients: [client, { hostname: "::1", port: 0 }] },
  { type: "find_gone", clients: [] },
  { type: "mend" },
  { type: "pong" },
];

Deno.test("a message that keeps the rules passes, and nothing passes with it", () => {
  for (const message of valid) {
    assert.deepEqual(open().check(message), { ok: true, message });
    assert.deepEqual(open().check({ ...message, more: "x" }), { ok: true, message });
  }
});

const trees: readonly (readonly [change: Record<string, unknown>, rule: RegExp])[] = [
  [{ id: 0 }, /the id must/],
  [{ id: 1.5 }, /the id must/],
  [{ id: 2 ** 53 }, /the id must/],
  [{ id: "1" }, /the id must/],
  [{ id: 1n }, /the id must/],
  [{ pid: undefined }, /the pid must/],
  [{ pid: 0 }, /the pid must/],
  [{ pid: -1 }, /the pid must/],
  [{ pid: 2 ** 32 }, /the pid must/],
  [{ pid: null }, /the pid must/],
  [{ pid: "7 /T" }, /the pid must/],
  [{ mark: undefined }, /the mark must/],
  [{ mark: 5 }, /the mark must/],
  [{ mark: new String(mark) }, /the mark must/],
  [{ mark: spool }, /the mark must/],
  [{ mark: `${spool}x/job-0123456789abcdef` }, /the mark must/],
  [{ mark: `${spool}/lock` }, /the mark must/],
  [{ mark: `${mark}/../lock` }, /the mark must/],
  [{ mark: `${mark}\\x` }, /the mark must/],
  [{ mark: `${mark}\0` }, /the mark must/],
  [{ mark: mark + "x".repeat(4096) }, /the mark must/],
  [{ holdersOnly: 1 }, /holdersOnly must/],
  [{ holdersOnly: undefined }, /holdersOnly must/],
];

const wrong: readonly (readonly [value: unknown, rule: RegExp])[] = [
  ...[null, undefined, 5, "measure", true, 1n, Symbol("x"), () => {}, [], ["measure"], {}]
    .map((value) => [value, /^a message must be an object with a known type$/] as const),
  ...["", "open", "__proto__", "constructor", "toString", 5, null, ["pong"], { type: "pong" }]
    .map((type) => [{ type }, /^a message must be an object with a known type$/] as const),
  [new Map([["type", "pong"]]), /known type/],
  [Object.create({ type: "pong" }), /known type/],
  [Object.assign(new Date(), { type: "pong" }), /known type/],
  ...[
    undefined,
    5,
    "http://127.0.0.1:80",
    "https://127.0.0.1:8080",
    "http://127.0.0.1:8080/",
    "http://127.0.0.1:08080",
    "http://127.0.0.1:8080\nWATCHDOG=trigger",
    "http://example.com:8080",
  ].map((url) => [{ type: "listening", url }, /^listening: the url must/] as const),
  [{ type: "failed" }, /^failed: the reason must/],
  [{ type: "failed", reason: { toString: () => "x" } }, /^failed: the reason must/],
  ...[undefined, {}, Array(51).fill(probe)].map((probes) =>
    [{ type: "probed", probes }, /^probed: the probes must/] as const
  ),
  ...[null, {}, { ...probe, attempt: 1 }, { ...probe, allowed: "yes" }, { ...probe, expected: 0 }]
    .map((entry) => [{ type: "probed", probes: [entry] }, /^probed: a probe must/] as const),
  ...[undefined, null, 5, [tree]].map((value) =>
    [{ type: "end_tree", tree: value }, /^end_tree: the tree must/] as const
  ),
  ...trees.map(([change, rule]) =>
    [{ type: "end_tree", tree: { ...tree, ...change } }, rule] as const
  ),
  ...[undefined, -1, 0.5, NaN, Infinity, "1"].flatMap((count) => [
    [{ type: "cut", running: count, waiting: 0 }, /^cut: the counts must/] as const,
    [{ type: "cut", running: 0, waiting: count }, /^cut: the counts must/] as const,
  ]),
  ...[undefined, {}, "x", { length: 1 }, Array(1006).fill(client), Array(2 ** 32 - 1)].map((
    clients,
  ) => [{ type: "find_gone", clients }, /^find_gone: the clients must/] as const),
  ...[null, "x", {}, { ...client, hostname: 5 }, { ...client, hostname: "x".repeat(65) }].map(
    (entry) => [{ type: "find_gone", clients: [entry] }, /^find_gone: the hostname must/] as const,
  ),
  ...[-1, 65536, 1.5, "80", null].map((port) =>
    [{ type: "find_gone", clients: [{ ...client, port }] }, /^find_gone: the port must/] as const
  ),
  [{ type: "find_gone", clients: Array(3) }, /^find_gone: the hostname must/],
  [{
    get type() {
      throw new Error("x");
    },
  }, /^a message must be plain data$/],
];

Deno.test("a message that breaks a rule is refused with the rule", () => {
  for (const [value, rule] of wrong) assert.match(reasonOf(value), rule);
});

Deno.test("as many clients pass as there can be", () => {
  const clients = Array(1005).fill(client);
  assert.equal(reasonOf({ type: "find_gone", clients }), "");
});

Deno.test("what the isolate words freely is cut and stays on one line", () => {
  const reason = "a\nb\u2028" + "x".repeat(5000);
  const checked = open().check({ type: "failed", reason });
  assert.ok(checked.ok && checked.message.type === "failed");
  assert.match(checked.message.reason, /^a b x+$/);
  assert.equal(checked.message.reason.length, 1000);
});

Deno.test("the service listens where it was told to, on any port when it may choose", () => {
  const passes = (env: Record<string, string>, url: string) => {
    const border = createBorder(startWith(env));
    border.sent({ type: "start", start, busy: newBusyMemory() });
    return border.check({ type: "listening", url }).ok;
  };
  const chosen = { JOBRUNNER_HTTP_LISTEN_PORT: "0" };
  assert.deepEqual(
    [1, 65535, 65536, 0].map((port) => passes(chosen, `http://127.0.0.1:${port}`)),
    [true, true, true, false],
  );
  const v6 = { JOBRUNNER_HTTP_LISTEN_ADDRESS: "::1", JOBRUNNER_HTTP_LISTEN_PORT: "9" };
  assert.ok(passes(v6, "http://[::1]:9"));
  assert.ok(passes({ JOBRUNNER_HTTP_LISTEN_ADDRESS: "localhost" }, "http://localhost:8080"));
});

/** What main sends, and what may come then, so many times. */
const due: readonly (readonly [sent: ToService["type"], type: ToMain["type"], times: number])[] = [
  ["start", "listening", 1],
  ["start", "failed", 1],
  ["start", "faulty", 1],
  ["start", "measure", 1],
  ["start", "find_gone", 1],
  ["start", "end_tree", 8 * 2 + 1000],
  ["probe", "probed", 1],
  ["drain", "drained", 1],
  ["cut", "cut", 1],
  ["ping", "pong", 1],
  ["measured", "measure", 1],
  ["clients_gone", "find_gone", 1],
];

for (const [sent, type, times] of due) {
  Deno.test(`${type} comes ${times} times for ${sent}, and never unasked`, () => {
    const message = valid.find((message) => message.type === type);
    let id = 0;
    const next = () => type === "end_tree" ? { type, tree: { ...tree, id: ++id } } : message;
    const refusal = `${type}: must come only when it is due, and no more often`;
    assert.equal(reasonOf(next(), after()), refusal);
    const border = after(sent);
    for (let time = 0; time < times; time++) assert.equal(reasonOf(next(), border), "");
    assert.equal(reasonOf(next(), border), refusal);
  });
}

Deno.test("a service that listens cannot have failed to start", () => {
  const border = after("start");
  assert.equal(reasonOf({ type: "listening", url: "http://127.0.0.1:8080" }, border), "");
  assert.match(reasonOf({ type: "failed", reason: "x" }, border), /^failed: must come only/);
});

Deno.test("an id is free again when its tree has ended, not before", () => {
  const border = after("start");
  assert.equal(reasonOf({ type: "end_tree", tree }, border), "");
  assert.equal(reasonOf({ type: "end_tree", tree }, border), "end_tree: the id must not be in use");
  border.sent({ type: "tree_ended", id: tree.id });
  assert.equal(reasonOf({ type: "end_tree", tree }, border), "");
});

Deno.test("more than 20 000 messages in a second are too many, whatever they are", () => {
  let now = 0;
  const border = createBorder(start, () => now);
  const burst = (count: number) => {
    for (let sent = 1; sent <= count; sent++) {
      border.sent({ type: "ping" });
      const checked = border.check({ type: "pong" });
      if (!checked.ok) return [sent, checked.reason];
    }
    return [];
  };
  assert.deepEqual(burst(20_000), []);
  now = 999;
  assert.deepEqual(burst(1), [1, "at most 20000 messages may come in a second"]);
  now = 1000;
  assert.deepEqual(burst(20_000), []);
});

const anything = fc.anything({
  maxDepth: 3,
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});

/** Objects that are nearly messages. */
const nearly = fc.record({
  type: fc.constantFrom(...new Set(valid.map(({ type }) => type))),
  url: anything,
  reason: anything,
  probes: fc.oneof(anything, fc.array(fc.oneof(anything, fc.constant(probe)), { maxLength: 3 })),
  tree: fc.oneof(
    anything,
    fc.record({ id: anything, pid: anything, mark: anything, holdersOnly: anything }),
  ),
  running: anything,
  waiting: anything,
  clients: fc.oneof(anything, fc.array(fc.oneof(anything, fc.constant(client)), { maxLength: 3 })),
}, { requiredKeys: ["type"] });

Deno.test("no value whatsoever makes the border throw, and a reason quotes nothing of it", () => {
  const secret = "k7Wq-secret";
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anything, nearly, fc.constantFrom(...valid))),
      fc.string(),
      (values, text) => {
        const border = open();
        for (const value of [...values, `${secret}${text}`, { type: secret }]) {
          const checked = border.check(value);
          if (checked.ok) assert.ok(valid.some(({ type }) => type === checked.message.type));
          else assert.match(checked.reason, /^([a-z_]+: )?[\w ',]+$/);
          assert.ok(checked.ok || !checked.reason.includes(secret));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
