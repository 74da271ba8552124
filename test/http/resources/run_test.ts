import assert from "node:assert/strict";
import { createAccess } from "../../../src/http/auth.ts";
import { openExchange } from "../../../src/http/exchange.ts";
import { createDeadlines } from "../../../src/async/deadlines.ts";
import { createActivity } from "../../../src/http/activity.ts";
import { createBuffers } from "../../../src/http/body/buffers.ts";
import type { CommandDoor } from "../../../src/http/door.ts";
import type { Arrival, JobSettings } from "../../../src/http/resources/job_request.ts";
import { postRun } from "../../../src/http/resources/run.ts";
import { unmarked } from "../../../src/isolate/busy.ts";
import { type JobHandle, type JobOutcome, type JobSpec, noInput } from "../../../src/jobs/job.ts";
import { DiskFullError } from "../../../src/spool/inbox.ts";
import { diskShare, inboxInMemory } from "../../support/inbox.ts";
import { ranOf, specOf } from "../../support/jobs.ts";
import { noRun, notLive } from "../../support/routes.ts";
import { nextTurn } from "../../support/turn.ts";

/** Differences from a request that gets a result. */
interface Differences {
  readonly command?: Partial<CommandDoor>;
  readonly headers?: Record<string, string>;
  readonly query?: string;
  readonly body?: BodyInit;
  readonly room?: number;
  readonly largestRunBody?: number;
  readonly outcome?: (spec: JobSpec, handle: JobHandle) => JobOutcome | Promise<JobOutcome>;
}

/** A run in this process, which takes the payload. */
function ranHere(spec: JobSpec): JobOutcome {
  const outcome = ranOf(spec);
  spec.input = noInput;
  return outcome;
}

/** Posts to fakes; `steps` are what they were asked, in this order. */
function posted(differences: Differences = {}) {
  const steps: string[] = [];
  const abouts: unknown[] = [];
  const specs: JobSpec[] = [];
  const { inbox, files } = inboxInMemory();
  const buffers = createBuffers(Infinity);
  const disk = diskShare(differences.room);
  const gone = new AbortController();
  const cut = new AbortController();
  const uploads = createActivity();
  const command: CommandDoor = {
    name: "default",
    names: undefined,
    version: 3,
    onDisconnect: "finish",
    maxRequestBytes: 1,
    ...noRun,
    waiting: 2,
    retryAfterSec: () => 7,
    release: () => assert.fail("its caller releases it"),
    reserve(about) {
      steps.push("reserve");
      abouts.push(about);
      return {
        reserved: true,
        fill(spec, handle) {
          steps.push("fill");
          specs.push({ ...spec });
          assert.ok(handle);
          return Promise.resolve((differences.outcome ?? ranHere)(spec, handle));
        },
        leave: () => void steps.push("leave"),
        position: () => 0,
      };
    },
    openInbox() {
      steps.push("open");
      return Promise.resolve({
        ...inbox,
        complete(list) {
          steps.push(list === undefined ? "complete" : `complete ${list}`);
          return inbox.complete(list);
        },
        discard() {
          steps.push("discard");
          return inbox.discard();
        },
      });
    },
    ...differences.command,
  };
  const arrival: Arrival = {
    raw: new Request(`http://localhost/run${differences.query ?? ""}`, {
      method: "POST",
      body: differences.body ?? "hello",
      headers: differences.headers ?? {},
      signal: gone.signal,
    }),
    requestId: "r1",
    exchange: openExchange(new Request("http://localhost"), {}),
    path: "/run",
    commandName: undefined,
    command,
    trace: undefined,
    address: () => undefined,
    share: buffers.open(),
    disk,
    onGivenUp: () => assert.fail("nothing is given up"),
  };
  const settings: JobSettings = {
    guard: { hostRefusal: () => undefined, pageRefusal: () => undefined },
    access: createAccess({ passwordDigest: undefined, tokens: undefined }),
    limits: {
      periods: createDeadlines(Infinity),
      cut: cut.signal,
      uploads,
    },
    largestBody: 1,
    largestRunBody: differences.largestRunBody ?? Infinity,
    clients: { watch: () => ({ [Symbol.dispose]() {} }) },
    live: notLive,
    during: unmarked,
  };
  const answer = postRun(arrival, settings, { ready: () => true, commandNames: () => [] });
  return { answer, steps, abouts, specs, files, disk, buffers, cut, uploads };
}

/** The kind of an answer; of bytes their text. */
async function kindOf(answer: ReturnType<typeof postRun>): Promise<string> {
  const made = await answer;
  if (made.kind === "live") await made.live.body.cancel();
  return made.kind;
}

Deno.test("postRun() reserves a place before it reads the body to the disk, and fills it afterwards", async () => {
  const { answer, steps, abouts, specs, files } = posted();
  assert.equal(await kindOf(answer), "ran");
  assert.deepEqual(steps, ["reserve", "open", "complete", "fill"]);
  assert.deepEqual(abouts, [{ command: "default", client: undefined, arriving: true }]);
  assert.equal(new TextDecoder().decode(files.get("body")), "hello");
  assert.equal(specs.length, 1);
});

Deno.test("postRun() makes a job of the head, the body and the command", async () => {
  const { answer, specs } = posted({
    query: "?id=a%20b&timeout_sec=2.5&mode=fast%20",
    headers: {
      "content-type": "image/png",
      "content-disposition": 'attachment; filename="a.png"',
      "x-tenant": "acme",
    },
    command: { passHeaders: ["x-tenant", "x-other"] },
  });
  await answer;
  const [{ uid = "", ...spec } = {}] = specs;
  assert.match(uid, /^[0-9a-f]{32}$/);
  assert.deepEqual(spec, {
    id: "a b",
    requestId: "r1",
    command: "default",
    version: 3,
    onDisconnect: "finish",
    timeoutSec: 2.5,
    input: { kind: "file", folder: "/job", name: "body", length: 5 },
    keep: "disk",
    request: {
      queryString: "id=a%20b&timeout_sec=2.5&mode=fast%20",
      contentType: "image/png",
      contentLength: 5,
      filename: "a.png",
      headers: { "x-tenant": "acme", "x-other": "" },
    },
    token: undefined,
  });
});

for (
  const [accept, keep, kind] of [
    ["*/*", "disk", "ran"],
    ["multipart/form-data", "disk", "ran"],
    ["application/json", "memory", "ran"],
    ["text/event-stream", "data", "live"],
    ["application/x-ndjson", "data", "live"],
  ] as const
) {
  Deno.test(`postRun() keeps outputs for ${accept} as ${keep}`, async () => {
    const { answer, specs } = posted({ headers: { accept } });
    assert.equal(await kindOf(answer), kind);
    assert.equal(specs[0]?.keep, keep);
    assert.equal(notLive.listeners, 0);
  });
}

Deno.test("postRun() stores the parts of a form and passes its list and first filename on", async () => {
  const body = new FormData();
  body.set("field", "value");
  body.set("picture", new File(["abc"], "x.png", { type: "image/png" }));
  const { answer, steps, specs, files } = posted({ body });
  assert.equal(await kindOf(answer), "ran");
  const list = steps.find((step) => step.startsWith("complete "))?.slice("complete ".length) ?? "";
  assert.deepEqual(JSON.parse(list), [
    { name: "field", value: "value" },
    { name: "picture", filename: "x.png", content_type: "image/png", bytes: 3, file: "001" },
  ]);
  assert.equal(new TextDecoder().decode(files.get("001")), "abc");
  assert.equal(specs[0]?.request?.filename, "x.png");
});

const refused: readonly (readonly [what: string, kind: string, differences: Differences])[] = [
  ["a type that there is not", "not_acceptable", { headers: { accept: "text/html" } }],
  ["a wrong query", "invalid", { query: "?answer=all" }],
  ["an encoded body", "unsupported_encoding", { headers: { "content-encoding": "gzip" } }],
  ["a body that is too large", "too_large", {
    headers: { "content-length": "5" },
    command: { maxRunBytes: 4 },
  }],
  ["a body for which there can never be disk space", "too_large", {
    headers: { "content-length": "5" },
    largestRunBody: 4,
  }],
];
for (const [what, kind, differences] of refused) {
  Deno.test(`postRun() refuses ${what} before it reserves a place`, async () => {
    const { answer, steps } = posted(differences);
    assert.equal(await kindOf(answer), kind);
    assert.deepEqual(steps, []);
  });
}

Deno.test("postRun() answers a refusal of the queue without reading the body", async () => {
  const causes = ["uploads_full", "queue_full", "client_limit", "queue_unavailable"] as const;
  for (const cause of [...causes, "draining"] as const) {
    const { answer, steps, files } = posted({
      command: {
        reserve: () => ({ reserved: false, cause, waiting: 3, retryAfterSec: 9 }),
      },
    });
    assert.equal(await kindOf(answer), cause);
    assert.deepEqual([steps, files.size], [[], 0]);
  }
});

const broken: readonly (readonly [what: string, kind: string, differences: Differences])[] = [
  ["another digest", "digest_mismatch", {
    headers: { "content-digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:" },
  }],
  ["no room on the disk", "spool_full", { room: 4 }],
  ["a form without an end", "bad_multipart", {
    body: "--b\r\n\r\n",
    headers: { "content-type": "multipart/form-data; boundary=b" },
  }],
];
for (const [what, kind, differences] of broken) {
  Deno.test(`postRun() gives the place back and removes the body that has ${what}`, async () => {
    const { answer, steps } = posted(differences);
    assert.equal(await kindOf(answer), kind);
    assert.deepEqual(steps, ["reserve", "open", "discard", "leave"]);
  });
}

Deno.test("postRun() says why there is no folder for a body", async () => {
  for (
    const [error, problem] of [
      [new DiskFullError("full"), { kind: "disk_full" }],
      [new Error("gone"), { kind: "spool_unusable", reason: "Error: gone" }],
    ] as const
  ) {
    const { answer, steps } = posted({ command: { openInbox: () => Promise.reject(error) } });
    assert.deepEqual(await answer, problem);
    assert.deepEqual(steps, ["reserve", "leave"]);
  }
});

Deno.test("postRun() does not wait for a body after a forced stop that came while its folder was made", async () => {
  const opening = Promise.withResolvers<void>();
  const { answer, steps, cut, uploads } = posted({
    body: new ReadableStream(),
    command: {
      async openInbox() {
        await opening.promise;
        return inboxInMemory().inbox;
      },
    },
  });
  await nextTurn();
  assert.equal(uploads.active, 1, "a body that is about to be read counts as an upload");
  cut.abort();
  opening.resolve();
  assert.equal(await kindOf(answer), "draining");
  assert.deepEqual([steps, uploads.active], [["reserve", "leave"], 0]);
});

Deno.test("postRun() removes the payload of a job that leaves the queue", async () => {
  for (const accept of ["*/*", "application/x-ndjson"]) {
    const { answer, steps } = posted({
      headers: { accept },
      outcome: () => ({ kind: "left", cause: "queue_timeout", queuedSec: 2, retryAfterSec: 5 }),
    });
    await kindOf(answer);
    assert.deepEqual(steps.slice(0, 5), ["reserve", "open", "complete", "fill", "discard"]);
  }
});

const elsewhere: readonly JobOutcome[] = [
  ranOf(specOf("a")),
  { kind: "failed", failure: { kind: "node_lost", reason: "for a test" } },
];
for (const outcome of elsewhere) {
  Deno.test(`postRun() removes the payload of a job that ${outcome.kind} on another machine`, async () => {
    for (const accept of ["*/*", "application/x-ndjson"]) {
      const { answer, steps } = posted({ headers: { accept }, outcome: () => outcome });
      await kindOf(answer);
      assert.deepEqual(
        steps.filter((step) => step !== "leave"),
        ["reserve", "open", "complete", "fill", "discard"],
      );
    }
  });
}

Deno.test("postRun() does not touch the payload that a run has taken, also of one that failed", async () => {
  const { answer, steps } = posted({
    outcome(spec) {
      spec.input = noInput;
      return { kind: "failed", failure: { kind: "spawn_refused", reason: "for a test" } };
    },
  });
  assert.equal(await kindOf(answer), "spawn_refused");
  assert.deepEqual(steps, ["reserve", "open", "complete", "fill"]);
});

Deno.test("postRun() counts live output that the client has not taken as output of the command", async () => {
  const { answer, buffers } = posted({
    headers: { accept: "application/x-ndjson" },
    outcome(spec, handle) {
      for (let count = 0; count < 10; count++) handle.onOutput?.("stdout", new Uint8Array(65_536));
      return ranOf(spec);
    },
  });
  const made = await answer;
  assert.ok(made.kind === "live");
  assert.ok(buffers.held.captures > 500_000);
  await made.live.body.cancel();
  assert.deepEqual(buffers.held, { bodies: 0, captures: 0, answers: 0 });
});

Deno.test("postRun() counts what a job holds until it is over, also if its listener has left", async () => {
  const running = Promise.withResolvers<void>();
  const { answer, buffers, disk } = posted({
    headers: { accept: "application/x-ndjson", "content-length": "5" },
    async outcome(spec, handle) {
      await running.promise;
      handle.onCaptured(3);
      return ranOf(spec);
    },
  });
  const made = await answer;
  assert.ok(made.kind === "live");
  await made.live.body.cancel();
  assert.equal(disk.taken, 5);
  running.resolve();
  await made.over;
  assert.equal(disk.taken, 0);
  assert.deepEqual(buffers.held, { bodies: 0, captures: 0, answers: 0 });
});

Deno.test("postRun() gives the room of a listener back if the request is refused", async () => {
  const { answer } = posted({ headers: { accept: "text/event-stream" }, room: 1 });
  assert.equal(await kindOf(answer), "spool_full");
  assert.equal(notLive.listeners, 0);
});
