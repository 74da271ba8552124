import assert from "node:assert/strict";
import { type App, type Host, startApp } from "../../src/app/app.ts";
import { unmarked } from "../../src/isolate/busy.ts";
import type { Fields } from "../../src/telemetry/log.ts";
import { commandHere } from "../support/commands.ts";
import { base64 } from "../support/client.ts";
import { configOf } from "../support/machine.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture } from "../support/program.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

/** An app in this very process. */
interface Started extends AsyncDisposable {
  readonly app: App;
  /** Posts a shell script and resolves with the answer. */
  post(script: string, signal?: AbortSignal): Promise<Response>;
  /** What was logged: message and fields. */
  readonly lines: readonly (readonly [string, Fields | undefined])[];
  /** Resolves as soon as this message is logged. */
  logged(message: string): Promise<void>;
  /** Path of the spool. */
  readonly spool: string;
  /** Paths of all that lies in it. */
  readonly files: () => string[];
}

const quiet: Host = {
  // These commands have no children.
  trees: {
    endTree: ({ pid }) => Promise.resolve(Deno.kill(pid, "SIGKILL")),
    endHolders: () => Promise.resolve(),
  },
  measureProcess: () =>
    Promise.resolve({ cpuSec: 1, startTimeSec: 1, processesEnded: 0, residentBytes: 7 }),
  findGone: (clients) => Promise.resolve(clients.map(() => false)),
  mend: () => Promise.resolve(undefined),
  during: unmarked,
};

/** Starts an app whose jobs are shell scripts. Unless a test drains it, it is drained when it is disposed of. */
async function start(
  env: Readonly<Record<string, string>> = {},
  host: Partial<Host> = {},
  flush: () => Promise<void> = () => Promise.resolve(),
): Promise<Started> {
  const temporary = temporarySpool();
  const lines: [string, Fields | undefined][] = [];
  const awaited = new Map<string, () => void>();
  const write = (message: string, fields?: Fields) => {
    lines.push([message, fields]);
    awaited.get(message)?.();
  };
  const config = configOf({
    JOBRUNNER_CMD: "/bin/date",
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_NUM_WORKERS: "1",
    JOBRUNNER_QUEUE_LIMIT: "1",
    ...env,
  });
  const command = commandHere([fixture("run_payload.sh")]);
  let app: App;
  try {
    app = await startApp(
      {
        config: { ...config, work: { ...config.work, command } },
        commandEnv: { PATH: Deno.env.get("PATH") ?? "" },
        launcher: undefined,
        spool: temporary.spool.path,
      },
      { ...quiet, ...host },
      { debug: write, info: write, warn: write, error: write, flush },
    );
  } catch (error) {
    temporary[Symbol.dispose]();
    throw error;
  }
  return {
    app,
    lines,
    logged: (message) =>
      new Promise((resolve) => {
        if (lines.some(([logged]) => logged === message)) resolve();
        else awaited.set(message, resolve);
      }),
    spool: temporary.spool.path,
    files: () => filesIn(temporary.spool.path),
    post: (script, signal) =>
      fetch(`${app.url}/payload`, {
        method: "POST",
        body: JSON.stringify({ id: "a", data: base64(script) }),
        ...(signal ? { signal } : {}),
      }),
    async [Symbol.asyncDispose]() {
      await app.drain();
      temporary[Symbol.dispose]();
    },
  };
}

/** What `/status` tells. */
async function stateOf({ url }: App) {
  return await (await fetch(`${url}/status`)).json();
}

/** The status of an answer, and what it says. */
async function read(response: Promise<Response>): Promise<[number, Record<string, unknown>]> {
  const answer = await response;
  const text = await answer.text();
  return [answer.status, text.startsWith("{") ? JSON.parse(text) : { text }];
}

Deno.test("startApp() serves: a job's result is its answer, counted, logged, and nothing is left", async () => {
  await using started = await start();
  const [status, result] = await read(started.post("echo out; exit 3"));
  assert.equal(status, 200);
  assert.equal(result["exit_status"], 3);
  assert.equal(result["output"], base64("out\n"));
  assert.deepEqual(started.lines.map(([message]) => message), ["job started", "job ended"]);
  assert.equal(started.lines[1]?.[1]?.["outcome"], "failed");
  const state = await stateOf(started.app);
  assert.equal(state.total_jobs, 1);
  assert.equal(state.outcomes.failed, 1);
  const metrics = await (await fetch(`${started.app.url}/metrics`)).text();
  assert.match(metrics, /^process_resident_memory_bytes.* 7$/m);
  assert.deepEqual(started.files(), []);
});

Deno.test("a job's command, its log lines and its request are in one trace", async () => {
  await using started = await start();
  const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const traceparent = `00-${traceId}-${spanId}-01`;
  const answer = await fetch(`${started.app.url}/payload`, {
    method: "POST",
    headers: { traceparent, tracestate: "a=1" },
    body: JSON.stringify({ id: "a", data: base64("echo $TRACEPARENT $TRACESTATE") }),
  });
  assert.equal((await answer.json()).output, base64(`${traceparent} a=1\n`));
  for (const [, fields] of started.lines) {
    assert.deepEqual([fields?.["trace_id"], fields?.["span_id"]], [traceId, spanId]);
  }
});

/** A script that ends when a file appears beside the spool, and what makes that file. */
function heldBy(folder: string) {
  const gate = `${folder}/gate`;
  return {
    script: `while [ ! -e ${gate} ]; do sleep 0.02; done; echo released`,
    release: () => Deno.writeTextFileSync(gate, ""),
  };
}

Deno.test("drain() of an app finishes what it has admitted, then gives all back, the log last", async () => {
  using folder = temporaryFolder();
  const { script, release } = heldBy(folder.path);
  const atFlush: string[] = [];
  await using started = await start({}, {}, async () => {
    const answer = fetch(started.app.url);
    atFlush.push(await answer.then(() => "listens", () => "silent"));
  });
  const { app, post, logged, files } = started;
  const first = read(post(script));
  await logged("job started");
  let over = false;
  const drained = app.drain().finally(() => over = true);
  const [status, refusal] = await read(post("echo too late"));
  assert.equal(status, 503);
  assert.match(String(refusal["text"]), /^The server is stopping/);
  const ready = await fetch(`${app.url}/readyz`);
  await ready.body?.cancel();
  assert.equal(ready.status, 503);
  assert.equal(over, false);
  release();
  assert.equal((await first)[1]["output"], base64("released\n"));
  assert.equal(await drained, 0, "no answer was given up");
  assert.equal(await app.drain(), 0, "twice is fine");
  assert.deepEqual(atFlush, ["silent"]);
  assert.deepEqual(files(), []);
});

Deno.test("what a running command has put out is told as held", async () => {
  using folder = temporaryFolder();
  const { script, release } = heldBy(folder.path);
  await using started = await start();
  const { app, post, logged } = started;
  const answer = read(post(`printf four; ${script}`));
  await logged("job started");
  while ((await stateOf(app)).buffered.captures !== 4);
  release();
  assert.equal((await answer)[1]["output"], base64("fourreleased\n"));
});

Deno.test("places and patience of the line are the configured ones", async () => {
  using folder = temporaryFolder();
  const { script, release } = heldBy(folder.path);
  await using started = await start({
    JOBRUNNER_QUEUE_LIMIT: "2",
    JOBRUNNER_QUEUE_TIMEOUT_SEC: "0.05",
  });
  const { post, logged } = started;
  const first = read(post(script));
  await logged("job started");
  const waiting = [read(post("echo")), read(post("echo"))];
  for (const [status, { text }] of await Promise.all(waiting)) {
    assert.equal(status, 503);
    assert.match(String(text), /waited/);
  }
  release();
  assert.equal((await first)[0], 200);
});

Deno.test("cut() of an app breaks off the uploads that would become jobs", async () => {
  await using started = await start();
  const { app } = started;
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const writer = body.writable.getWriter();
  writer.write(new Uint8Array([123]));
  const upload = read(fetch(`${app.url}/payload`, { method: "POST", body: body.readable }));
  const active = 'http_server_active_requests{http_request_method="POST",url_scheme="http"} 1';
  while (!(await (await fetch(`${app.url}/metrics`)).text()).includes(active));
  const drained = app.drain();
  assert.deepEqual(app.cut(), { running: 0, waiting: 0 });
  assert.equal((await upload)[0], 503);
  await writer.close().catch(() => {});
  await drained;
});

Deno.test("a spool that cannot be put right fails its jobs, and the log says why", async () => {
  await using started = await start({}, { mend: () => Promise.resolve("no way") });
  Deno.removeSync(started.spool, { recursive: true });
  assert.equal((await read(started.post("echo")))[0], 500);
  const fault = started.lines.find(([message]) => message === "job could not be run");
  assert.match(String(fault?.[1]?.["reason"]), /no way$/);
});

Deno.test("one more job than workers and places is refused, and its client told why", async () => {
  using folder = temporaryFolder();
  const { script, release } = heldBy(folder.path);
  await using started = await start();
  const { app, post, logged } = started;
  const first = read(post(script));
  await logged("job started");
  const second = read(post("echo second"));
  while ((await (await fetch(`${app.url}/status`)).json()).queued_jobs < 1);
  const [status, refusal] = await read(post("echo third"));
  assert.equal(status, 503);
  assert.equal(refusal["text"], "job queue too large (1)\n");
  release();
  assert.equal((await first)[0], 200);
  assert.equal((await second)[1]["output"], base64("second\n"));
});

Deno.test("cut() of an app ends what runs, refuses what waits, and the drain comes to its end", async () => {
  await using started = await start();
  const { app, post, logged } = started;
  const first = read(post("exec sleep 600"));
  await logged("job started");
  const second = read(post("echo second"));
  while ((await (await fetch(`${app.url}/status`)).json()).queued_jobs < 1);
  const drained = app.drain();
  assert.deepEqual(app.cut(), { running: 1, waiting: 1 });
  assert.equal((await first)[1]["ending"], "shutdown");
  assert.equal((await second)[0], 503);
  assert.equal(await drained, 0);
});

for (const [policy, outcome] of [["cancel", "canceled"], ["finish", "success"]] as const) {
  Deno.test(`a client that leaves its running job, on_disconnect=${policy}: ${outcome}`, async () => {
    using folder = temporaryFolder();
    const { script, release } = heldBy(folder.path);
    const gone = new AbortController();
    await using started = await start({ JOBRUNNER_ON_DISCONNECT: policy }, {
      findGone: (clients) => Promise.resolve(clients.map(() => gone.signal.aborted)),
    });
    const { post, logged, lines } = started;
    const answer = post(script, gone.signal).catch((error) => (error as Error).name);
    await logged("job started");
    gone.abort();
    assert.equal(await answer, "AbortError");
    if (policy === "finish") release();
    await logged("job ended");
    assert.equal(lines.find(([message]) => message === "job ended")?.[1]?.["outcome"], outcome);
  });
}

Deno.test("a bug in a run is a 500 for its client, a line in the log, and costs no worker", async () => {
  await using started = await start({ JOBRUNNER_JOB_TIMEOUT_SEC: "0.05" }, {
    trees: {
      endTree({ pid }) {
        Deno.kill(pid, "SIGKILL");
        return Promise.reject(new Error("no host"));
      },
      endHolders: () => Promise.resolve(),
    },
  });
  const { app, post, lines, files } = started;
  const [status, { text }] = await read(post("exec sleep 600"));
  assert.equal(status, 500);
  assert.equal((await stateOf(app)).outcomes.not_started, 1);
  assert.ok(!String(text).includes("no host"));
  const bug = lines.find(([message]) => message === "a worker met a bug");
  assert.match(String(bug?.[1]?.["exception.stacktrace"]), /no host/);
  assert.equal((await read(post("echo next")))[1]["output"], base64("next\n"));
  assert.deepEqual(files(), []);
});

Deno.test("startApp() gives back what it took when it cannot listen, the log last", async () => {
  await using taken = await start();
  const { port } = new URL(taken.app.url);
  let flushed = 0;
  await assert.rejects(
    start({ JOBRUNNER_HTTP_LISTEN_PORT: port }, {}, () => Promise.resolve(void flushed++)),
    (error: Error) => {
      assert.equal(error.name, "StartError");
      assert.match(error.message, /^cannot listen on 127\.0\.0\.1:\d+: /);
      return true;
    },
  );
  assert.equal(flushed, 1);
  assert.equal((await read(taken.post("echo still here")))[1]["exit_status"], 0);
});
