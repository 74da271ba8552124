import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  MainAbilities,
  ServiceAbilities,
  ToMain,
  ToService,
} from "../../src/isolate/abilities.ts";
import type { ServiceStart } from "../../src/isolate/messages.ts";
import { type Border, createBorder } from "../../src/supervisor/border.ts";
import { configure } from "../support/machine.ts";

const spool = "/tmp/jobrunner-0123456789abcdef";
const mark = `${spool}/job-0123456789abcdef`;
const tree = { pid: 7, mark, holdersOnly: false, graceMs: 5000 };
const slot = `${spool.slice(0, -6)}run/command`;
const client = { hostname: "127.0.0.1", port: 50000 };
const trial = { found: ["a machine"], warnings: [], errors: ["no JetStream"] };
const probe = { attempt: "connecting out", allowed: false, expected: false };

function startWith(env: Record<string, string> = {}): ServiceStart {
  const result = configure({
    JOBRUNNER_CMD: "/bin/date",
    JOBRUNNER_NUM_WORKERS: "2",
    JOBRUNNER_QUEUE_LIMIT: "3",
    ...env,
  });
  assert.ok(result.ok);
  return { config: result.config, starts: [], spoolBytes: 1000, programs: [slot], spool };
}

const start = startWith();

const ask = (kind: unknown, value?: unknown, id: unknown = 1) => ({ type: "ask", kind, id, value });
const answer = (kind: unknown, value?: unknown, id: unknown = 1) => (
  { type: "answer", kind, id, value }
);

/** Main's question or answer; the border looks at its kind and its id only. */
const asked = (kind: keyof ServiceAbilities, id = 1) =>
  ask(kind, undefined, id) as unknown as ToService;
const answered = (kind: keyof MainAbilities, id = 1) =>
  answer(kind, undefined, id) as unknown as ToService;

/** A border after main has sent these messages; its clock stands still. */
function after(...messages: readonly ToService[]): Border {
  const border = createBorder(start, () => 0);
  for (const message of messages) border.sent(message);
  return border;
}

/** Main gives the service this configuration. */
const replaced = (config: ServiceStart["config"]): ToService => ({
  type: "ask",
  kind: "replace",
  id: 1,
  value: { config, starts: [], spoolBytes: 1000 },
});

const questions = ["start", "probe", "try_queue", "drain", "cut", "ping"] as const;

/** A border after main has asked every question that it can ask. */
const open = () => after(...questions.map((kind) => asked(kind)), replaced(start.config));

function reasonOf(value: unknown, border = open()): string {
  const checked = border.check(value);
  return checked.ok ? "" : checked.reason;
}

const valid = [
  answer("start", { url: "http://127.0.0.1:8080" }),
  answer("start", { reason: "cannot listen" }),
  answer("replace", { ok: true }),
  answer("replace", { ok: false, reason: "the server is stopping" }),
  answer("probe", [probe]),
  answer("try_queue", trial),
  answer("drain", 0),
  answer("cut", { running: 0, waiting: 3 }),
  answer("ping"),
  ask("end_tree", tree),
  ask("end_tree", { pid: 5, mark, holdersOnly: true, graceMs: 0 }, 2 ** 53 - 1),
  ask("measure"),
  ask("find_gone", [client, { hostname: "::1", port: 0 }]),
  ask("find_gone", []),
  ask("repair"),
  ask("publish_socket"),
  ask("free_launcher", { path: slot }),
  { type: "faulty" },
] as readonly ToMain[];

Deno.test("check() passes a message that keeps the rules, without any additional keys", () => {
  for (const message of valid) {
    assert.deepEqual(open().check(message), { ok: true, message });
    assert.deepEqual(open().check({ ...message, more: "x" }), { ok: true, message });
  }
});

const trees: readonly (readonly [change: Record<string, unknown>, rule: RegExp])[] = [
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
  [{ graceMs: undefined }, /graceMs must/],
  [{ graceMs: "5" }, /graceMs must/],
  [{ graceMs: -1 }, /graceMs must/],
  [{ graceMs: NaN }, /graceMs must/],
  [{ graceMs: 5001 }, /graceMs must/],
];

const wrong: readonly (readonly [value: unknown, rule: RegExp])[] = [
  ...[null, undefined, 5, "measure", true, 1n, Symbol("x"), () => {}, [], ["measure"], {}]
    .map((value) => [value, /^a message must be an object with a known type$/] as const),
  ...["", "open", "__proto__", "constructor", "toString", 5, null, ["ask"], { type: "ask" }]
    .map((type) => [{ type }, /^a message must be an object with a known type$/] as const),
  ...["", "open", "__proto__", "constructor", "toString", 5, null, undefined, ["measure"], "ping"]
    .map((kind) => [ask(kind), /^a question or an answer must be of a known kind$/] as const),
  ...["", "open", "__proto__", "constructor", "toString", 5, null, undefined, ["ping"], "measure"]
    .map((kind) => [answer(kind), /^a question or an answer must be of a known kind$/] as const),
  ...[undefined, null, 0, -1, 1.5, NaN, Infinity, 2 ** 53, "1", 1n, [1], { id: 1 }].flatMap((
    id,
  ) => [
    [{ ...ask("measure"), id }, /^measure: the id must be a whole number, 1 or more$/] as const,
    [{ ...answer("ping"), id }, /^ping: must be sent only when it is expected/] as const,
  ]),
  [new Map(Object.entries(answer("ping"))), /known type/],
  [Object.create(answer("ping")), /known type/],
  [Object.assign(new Date(), answer("ping")), /known type/],
  ...[
    undefined,
    5,
    "http://127.0.0.1:80",
    "https://127.0.0.1:8080",
    "http://127.0.0.1:8080/",
    "http://127.0.0.1:08080",
    "http://127.0.0.1:8080\nWATCHDOG=trigger",
    "http://example.com:8080",
  ].map((url) => [answer("start", { url }), /^start: the url must/] as const),
  ...[undefined, null, 5, "http://127.0.0.1:8080", [], { reason: { toString: () => "x" } }]
    .map((value) => [answer("start", value), /^start: the url must/] as const),
  ...[undefined, {}, Array(115).fill(probe)].map((value) =>
    [answer("probe", value), /^probe: the probes must/] as const
  ),
  ...[null, {}, { ...trial, found: "x" }, { ...trial, errors: Array(1001).fill("x") }]
    .map((value) => [answer("try_queue", value), /^try_queue: the trial must/] as const),
  ...[null, {}, { ...probe, attempt: 1 }, { ...probe, allowed: "yes" }, { ...probe, expected: 0 }]
    .map((entry) => [answer("probe", [entry]), /^probe: a probe must/] as const),
  ...[undefined, null, 5, [tree]].map((value) =>
    [ask("end_tree", value), /^end_tree: the tree must/] as const
  ),
  ...trees.map(([change, rule]) => [ask("end_tree", { ...tree, ...change }), rule] as const),
  ...[undefined, -1, 0.5, NaN, Infinity, "1"].flatMap((count) => [
    [answer("drain", count), /^drain: the count must/] as const,
    [answer("cut", { running: count, waiting: 0 }), /^cut: the counts must/] as const,
    [answer("cut", { running: 0, waiting: count }), /^cut: the counts must/] as const,
  ]),
  ...[undefined, {}, "x", { length: 1 }, Array(1011).fill(client), Array(2 ** 32 - 1)]
    .map((value) => [ask("find_gone", value), /^find_gone: the clients must/] as const),
  ...[null, "x", {}, { ...client, hostname: 5 }, { ...client, hostname: "x".repeat(65) }]
    .map((entry) => [ask("find_gone", [entry]), /^find_gone: the hostname must/] as const),
  ...[-1, 65536, 1.5, "80", null].map((port) =>
    [ask("find_gone", [{ ...client, port }]), /^find_gone: the port must/] as const
  ),
  [ask("find_gone", Array(3)), /^find_gone: the hostname must/],
  ...[undefined, null, {}, slot, { path: 5 }, { path: "" }, { path: `${slot}.new` }]
    .map((value) => [ask("free_launcher", value), /^free_launcher: the path must/] as const),
  ...[undefined, true, {}, { ok: 1 }, { ok: false }, { ok: false, reason: 5 }].map((value) =>
    [answer("replace", value), /^replace: the result must/] as const
  ),
  ...[null, 0, "x", {}, []].flatMap((value) => [
    [ask("measure", value), /^measure: there must be no value$/] as const,
    [ask("repair", value), /^repair: there must be no value$/] as const,
    [ask("publish_socket", value), /^publish_socket: there must be no value$/] as const,
    [answer("ping", value), /^ping: there must be no value$/] as const,
  ]),
  [{
    get type() {
      throw new Error("x");
    },
  }, /^a message must be plain data$/],
];

Deno.test("check() refuses a message that breaks a rule, and names the rule", () => {
  for (const [value, rule] of wrong) assert.match(reasonOf(value), rule);
});

Deno.test("check() passes find_gone with as many clients as there can be", () => {
  assert.equal(reasonOf(ask("find_gone", Array(1005).fill(client))), "");
});

Deno.test("check() cuts the reason of a failed start and keeps it on one line", () => {
  const reason = "a\nb\u2028" + "x".repeat(5000);
  const checked = open().check(answer("start", { reason }));
  assert.ok(checked.ok);
  assert.deepEqual(checked.message, answer("start", { reason: "a b " + "x".repeat(996) }));
});

Deno.test("check() passes only the configured address; any port if the configured one is 0", () => {
  const passes = (env: Record<string, string>, url: string) => {
    const border = createBorder(startWith(env));
    border.sent(asked("start"));
    return border.check(answer("start", { url })).ok;
  };
  const chosen = { JOBRUNNER_HTTP_LISTEN_PORT: "0" };
  assert.deepEqual(
    [1, 65535, 65536, 0].map((port) => passes(chosen, `http://127.0.0.1:${port}`)),
    [true, true, true, false],
  );
  const v6 = { JOBRUNNER_HTTP_LISTEN_ADDRESS: "::1", JOBRUNNER_HTTP_LISTEN_PORT: "9" };
  assert.ok(passes(v6, "http://[::1]:9"));
  assert.ok(passes({ JOBRUNNER_HTTP_LISTEN_ADDRESS: "localhost" }, "http://localhost:8080"));
  const socket = { JOBRUNNER_HTTP_LISTEN_ADDRESS: "unix:/run/s" };
  assert.deepEqual(
    ["unix:/run/s", "unix:/run/s.new/s", "http://127.0.0.1:8080"].map((url) => passes(socket, url)),
    [true, false, false],
  );
});

/** What the service may send unasked, and how often. */
const unasked = [
  ["end_tree", ask("end_tree", tree), 8 * 2 + 1000],
  ["measure", ask("measure"), 1],
  ["find_gone", ask("find_gone", [client]), 1],
  ["repair", ask("repair"), 1],
  ["publish_socket", ask("publish_socket"), 1],
  ["faulty", { type: "faulty" }, 1],
] as const;

for (const [name, message, times] of unasked) {
  Deno.test(`check() passes ${name} ${times} times after start and before an answer, never without start`, () => {
    let id = 0;
    const next = () => ({ ...message, id: ++id });
    const refusal = `${name}: must be sent only when it is expected, and no more often`;
    for (const kind of ["probe", "try_queue", "drain", "cut", "ping"] as const) {
      assert.equal(reasonOf(next(), after(asked(kind))), refusal);
    }
    const border = after(asked("start"));
    for (let time = 0; time < times; time++) assert.equal(reasonOf(next(), border), "");
    assert.equal(reasonOf(next(), border), refusal);
    if (name === "faulty") return;
    border.sent(answered(name, id - 1));
    assert.equal(reasonOf(next(), border), "");
    assert.equal(reasonOf(next(), border), refusal);
  });
}

Deno.test("check() counts main's answer for its own kind of question only", () => {
  const border = after(asked("start"));
  for (const kind of ["measure", "repair"]) assert.equal(reasonOf(ask(kind), border), "");
  border.sent(answered("repair"));
  assert.match(reasonOf(ask("measure", undefined, 2), border), /^measure: must be sent only/);
  assert.equal(reasonOf(ask("repair", undefined, 2), border), "");
});

for (const kind of questions) {
  Deno.test(`check() passes one answer to each ${kind} question, by its id, and none unasked`, () => {
    const message = valid.find((message) => message.type === "answer" && message.kind === kind);
    const refusal = `${kind}: must be sent only when it is expected, and no more often`;
    const to = (id: number) => ({ ...message, id });
    assert.equal(reasonOf(to(1), after()), refusal);
    const others = questions.filter((other) => other !== kind).map((other) => asked(other));
    assert.equal(reasonOf(to(1), after(...others)), refusal);
    const border = after(asked(kind, 1), asked(kind, 3));
    for (
      const [id, reason] of [[2, refusal], [3, ""], [3, refusal], [1, ""], [1, refusal]] as const
    ) {
      assert.equal(reasonOf(to(id), border), reason);
    }
  });
}

Deno.test("check() refuses an id until its question was answered", () => {
  const border = after(asked("start"));
  const question = ask("end_tree", tree, 7);
  assert.equal(reasonOf(question, border), "");
  assert.equal(reasonOf(question, border), "end_tree: the id must not be in use");
  border.sent(answered("end_tree", 8));
  assert.equal(reasonOf(question, border), "end_tree: the id must not be in use");
  border.sent(answered("end_tree", 7));
  assert.equal(reasonOf(question, border), "");
});

Deno.test("check() does not count a refused message as a question or an answer", () => {
  const border = after(asked("start"), asked("drain"));
  assert.match(reasonOf(ask("find_gone", [null]), border), /the hostname must/);
  assert.equal(reasonOf(ask("find_gone", []), border), "");
  assert.match(reasonOf(answer("drain", -1), border), /the count must/);
  assert.equal(reasonOf(answer("drain", 0), border), "");
});

Deno.test("check() refuses more than 20 000 messages in a second, whatever they are", () => {
  let now = 0;
  const border = createBorder(start, () => now);
  const burst = (count: number) => {
    for (let sent = 1; sent <= count; sent++) {
      border.sent(asked("ping"));
      const checked = border.check(answer("ping"));
      if (!checked.ok) return [sent, checked.reason];
    }
    return [];
  };
  assert.deepEqual(burst(20_000), []);
  now = 999;
  assert.deepEqual(burst(1), [1, "at most 20000 messages may be sent in a second"]);
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
  type: fc.constantFrom("ask", "answer", "faulty"),
  kind: fc.constantFrom(
    ...questions,
    "end_tree",
    "measure",
    "find_gone",
    "repair",
    "publish_socket",
    "open",
  ),
  id: fc.oneof(anything, fc.integer({ min: 0, max: 3 })),
  value: fc.oneof(
    anything,
    fc.record({ pid: anything, mark: anything, holdersOnly: anything }),
    fc.record({ url: anything }),
    fc.record({ reason: anything }),
    fc.record({ running: anything, waiting: anything }),
    fc.array(fc.oneof(anything, fc.constant(probe), fc.constant(client)), { maxLength: 3 }),
  ),
}, { requiredKeys: ["type"] });

Deno.test("check() never throws, whatever the value, and its reason quotes none of it", () => {
  const secret = "k7Wq-secret";
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anything, nearly, fc.constantFrom(...valid))),
      fc.string(),
      (values, text) => {
        const border = open();
        for (const value of [...values, `${secret}${text}`, { type: secret }]) {
          const checked = border.check(value);
          if (checked.ok) assert.match(checked.message.type, /^(ask|answer|faulty)$/);
          else assert.match(checked.reason, /^([a-z_]+: )?[\w ',]+$/);
          assert.ok(checked.ok || !checked.reason.includes(secret));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
