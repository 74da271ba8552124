import assert from "node:assert/strict";
import { createAccess } from "../../../src/http/auth.ts";
import { openExchange } from "../../../src/http/exchange.ts";
import { createDeadlines } from "../../../src/async/deadlines.ts";
import { createActivity } from "../../../src/http/activity.ts";
import { createBuffers } from "../../../src/http/body/buffers.ts";
import type { CommandDoor } from "../../../src/http/door.ts";
import type { Arrival, JobSettings } from "../../../src/http/resources/job_request.ts";
import { postPayload } from "../../../src/http/resources/payload.ts";
import { unmarked } from "../../../src/isolate/busy.ts";
import type { JobHandle, JobOutcome, JobSpec } from "../../../src/jobs/job.ts";
import { base64 } from "../../support/client.ts";
import { ranOf, resultOf } from "../../support/jobs.ts";
import { job, noDisk, noRun, notLive } from "../../support/routes.ts";
import { nextTurn } from "../../support/turn.ts";

/** Differences from a request that gets a result. */
interface Differences {
  readonly settings?: Partial<JobSettings>;
  readonly arrival?: Partial<Arrival>;
  readonly command?: Partial<CommandDoor>;
  readonly ready?: boolean;
  readonly outcome?: (spec: JobSpec, handle: JobHandle) => JobOutcome | Promise<JobOutcome>;
  readonly body?: BodyInit;
  readonly budget?: number;
}

/** Posts a job to fakes; returns the answer and what the fakes were asked. */
function posted(differences: Differences = {}) {
  const buffers = createBuffers(differences.budget ?? Infinity);
  const asked: { about: unknown; signal: AbortSignal | undefined }[] = [];
  const specs: JobSpec[] = [];
  const watched: { address: unknown; onGone: () => void }[] = [];
  let left = 0;
  let unwatched = 0;
  const gone = new AbortController();
  const command: CommandDoor = {
    name: "default",
    names: undefined,
    version: 1,
    onDisconnect: "cancel",
    maxRequestBytes: Infinity,
    ...noRun,
    waiting: 2,
    retryAfterSec: () => 7,
    release: () => assert.fail("its caller releases it"),
    reserve(about, signal) {
      asked.push({ about, signal });
      return {
        reserved: true,
        async fill(spec, handle) {
          specs.push(spec);
          assert.ok(handle);
          return await (differences.outcome ?? ranOf)(spec, handle);
        },
        leave: () => void left++,
        position: () => 0,
      };
    },
    ...differences.command,
  };
  const arrival: Arrival = {
    raw: new Request("http://localhost/payload", {
      method: "POST",
      body: differences.body ?? job,
      signal: gone.signal,
    }),
    requestId: "r1",
    exchange: openExchange(new Request("http://localhost"), {}),
    path: "/payload",
    commandName: undefined,
    command,
    trace: undefined,
    address: () => undefined,
    share: buffers.open(),
    disk: noDisk,
    onGivenUp: () => assert.fail("it is not live"),
    ...differences.arrival,
  };
  const settings: JobSettings = {
    guard: { hostRefusal: () => undefined, pageRefusal: () => undefined },
    access: createAccess({ passwordDigest: undefined, tokens: undefined }),
    limits: {
      periods: createDeadlines(Infinity),
      cut: new AbortController().signal,
      uploads: createActivity(),
    },
    largestBody: Infinity,
    largestRunBody: Infinity,
    clients: {
      watch(address, onGone) {
        watched.push({ address, onGone });
        return { [Symbol.dispose]: () => void unwatched++ };
      },
    },
    live: notLive,
    during: unmarked,
    ...differences.settings,
  };
  const door = { ready: () => differences.ready ?? true, commandNames: () => ["octave", "pdf"] };
  return {
    answer: postPayload(arrival, settings, door),
    arrival,
    gone,
    asked,
    specs,
    watched,
    held: buffers.held,
    left: () => left,
    unwatched: () => unwatched,
  };
}

Deno.test("postPayload() puts into the queue what the request, its trace and the configuration say", async () => {
  const context = { traceparent: "00-1-2-01", tracestate: "a=1" };
  const { answer, specs, asked, arrival } = posted({
    body: JSON.stringify({ id: "i", data: base64("hello"), timeout_sec: 3 }),
    arrival: { trace: { context, end: () => assert.fail("not here") } },
  });
  assert.equal((await answer).kind, "ran");
  const [{ uid = "", ...spec } = {}] = specs;
  assert.match(uid, /^[0-9a-f]{32}$/);
  assert.deepEqual(spec, {
    id: "i",
    requestId: "r1",
    command: "default",
    version: 1,
    timeoutSec: 3,
    onDisconnect: "cancel",
    input: { kind: "bytes", bytes: new TextEncoder().encode("hello") },
    keep: "memory",
    token: undefined,
    ...context,
  });
  assert.deepEqual(asked, [{
    about: { command: "default", client: undefined },
    signal: arrival.raw.signal,
  }]);
  const finishing = posted({ command: { name: "pdf", onDisconnect: "finish" } });
  await finishing.answer;
  assert.equal(finishing.specs[0]?.onDisconnect, "finish");
  assert.equal(finishing.specs[0]?.command, "pdf");
  assert.deepEqual(finishing.asked[0]?.about, { command: "pdf", client: undefined });
});

Deno.test("postPayload() checks host, page, password, command, readiness, body, in this order, before it reserves", async () => {
  const unknownHost = { kind: "unknown_host", host: "h" } as const;
  const crossSite = { kind: "cross_site" } as const;
  const wrong = {
    settings: {
      guard: { hostRefusal: () => unknownHost, pageRefusal: () => crossSite },
      access: {
        byToken: false,
        admit: () => ({ kind: "unauthorized" } as const),
      },
    },
    arrival: { command: undefined },
    ready: false,
    body: "no JSON",
  };
  const rightHost = { hostRefusal: () => undefined, pageRefusal: () => crossSite };
  const right = { hostRefusal: () => undefined, pageRefusal: () => undefined };
  const steps: readonly [Differences, string][] = [
    [wrong, "unknown_host"],
    [{ ...wrong, settings: { ...wrong.settings, guard: rightHost } }, "cross_site"],
    [{ ...wrong, settings: { ...wrong.settings, guard: right } }, "unauthorized"],
    [{ ...wrong, settings: {} }, "no_default_command"],
    [{ ...wrong, settings: {}, arrival: {} }, "draining"],
    [{ body: "no JSON" }, "invalid"],
  ];
  for (const [differences, kind] of steps) {
    const { answer, asked } = posted(differences);
    assert.equal((await answer).kind, kind);
    assert.deepEqual(asked, []);
  }
  assert.deepEqual(await posted({ ready: false }).answer, { kind: "draining", retryAfterSec: 7 });
});

Deno.test("postPayload() watches the client of a queued job, and leaves the place when it disconnects", async () => {
  const outcome = Promise.withResolvers<JobOutcome>();
  const { answer, arrival, specs, watched, left, unwatched } = posted({
    outcome: () => outcome.promise,
  });
  while (specs.length === 0) await nextTurn();
  await nextTurn();
  assert.equal(watched[0]?.address, arrival.address);
  assert.equal(left(), 0);
  watched[0]?.onGone();
  assert.equal(left(), 1);
  assert.equal(unwatched(), 0);
  outcome.resolve({ kind: "left", cause: "canceled", queuedSec: 1, retryAfterSec: 2 });
  await answer;
  assert.equal(unwatched(), 1);
});

Deno.test("postPayload() reserves no place when the client disconnected while its body was parsed", async () => {
  const { gone, ...rest } = posted({
    settings: {
      during(_, work) {
        gone.abort();
        return work();
      },
    },
  });
  assert.deepEqual(await rest.answer, { kind: "client_gone" });
  assert.deepEqual(rest.asked, []);
});

Deno.test("postPayload() holds the payload, then the captures, then what is left of the answer", async () => {
  const seen: unknown[] = [];
  const output = { bytes: new Uint8Array(30_000), truncated: false };
  const { answer, held } = posted({
    outcome(spec, handle) {
      seen.push({ ...held });
      handle.onInputStored();
      handle.onCaptured(output.bytes.length);
      seen.push({ ...held });
      return { kind: "ran", result: { ...resultOf(spec), output } };
    },
  });
  const result = await answer;
  assert.ok(result.kind === "ran" && "pieces" in result.body);
  seen.push({ ...held });
  assert.ok([...result.body.pieces].length > 0);
  seen.push({ ...held });
  assert.deepEqual(seen, [
    { bodies: 5, captures: 0, answers: 0 },
    { bodies: 0, captures: 30_000, answers: 0 },
    { bodies: 0, captures: 0, answers: 30_000 },
    { bodies: 0, captures: 0, answers: 0 },
  ]);
});

Deno.test("postPayload() counts a payload in the memory of its body for no more than the body", async () => {
  const body = JSON.stringify({ id: "i", data: new Uint8Array(1_200_000).toBase64() });
  const bytes = new TextEncoder().encode(body);
  let bodies = 0;
  const { answer, held } = posted({
    body: ReadableStream.from([bytes.slice(0, 900_000), bytes.slice(900_000)]),
    outcome(spec) {
      ({ bodies } = held);
      return ranOf(spec);
    },
  });
  assert.equal((await answer).kind, "ran");
  assert.ok(bodies > 0 && bodies <= bytes.length, String(bodies));
});

Deno.test("postPayload() returns a problem with reason and retry time for a job that has no result", async () => {
  const problemOf = (outcome: JobOutcome) => posted({ outcome: () => outcome }).answer;
  const left = { kind: "left", queuedSec: 2, retryAfterSec: 3 } as const;
  assert.deepEqual(await problemOf({ ...left, cause: "queue_timeout" }), {
    kind: "queue_timeout",
    queuedSec: 2,
    retryAfterSec: 3,
  });
  assert.deepEqual(await problemOf({ ...left, cause: "shutdown" }), {
    kind: "draining",
    queuedSec: 2,
    retryAfterSec: 3,
  });
  assert.deepEqual(await problemOf({ ...left, cause: "canceled" }), {
    kind: "client_gone",
    queuedSec: 2,
  });
  for (const kind of ["spool_unusable", "internal"] as const) {
    assert.deepEqual(await problemOf({ kind: "failed", failure: { kind, reason: "x" } }), { kind });
  }
  assert.deepEqual(
    await problemOf({ kind: "failed", failure: { kind: "spawn_refused", reason: "x" } }),
    {
      kind: "spawn_refused",
      retryAfterSec: 7,
    },
  );
});

Deno.test("postPayload() returns a problem with the reason for a body that does not arrive", async () => {
  const cutting = new AbortController();
  const cut = posted({
    body: new ReadableStream({}),
    settings: {
      limits: {
        periods: createDeadlines(Infinity),
        cut: cutting.signal,
        uploads: createActivity(),
      },
    },
  });
  cutting.abort();
  assert.deepEqual(await cut.answer, { kind: "draining", retryAfterSec: 7 });
  const broken = ReadableStream.from(async function* () {
    yield new Uint8Array(1);
    await Promise.reject(new Error("gone"));
  }());
  assert.deepEqual(await posted({ body: broken }).answer, { kind: "client_gone" });
  const full = posted({ budget: 1 });
  assert.deepEqual(await full.answer, { kind: "buffers_full", retryAfterSec: 7 });
  const raw = new Request("http://localhost/payload", {
    method: "POST",
    body: job,
    headers: { "content-length": "x" },
  });
  assert.deepEqual(await posted({ arrival: { raw } }).answer, { kind: "body_unreadable" });
});
