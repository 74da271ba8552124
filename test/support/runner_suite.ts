/**
 * Tests of the runner's contract, for every implementation of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { RunEnd, RunEvent, RunListener, Runner, RunOrder } from "../../src/exec/runner.ts";
import { createStop, type Stop } from "../../src/jobs/stop.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { temporaryFolder } from "./folder.ts";
import { filesIn, temporarySpool } from "./spool.ts";
import { nextTurn } from "./turn.ts";

/** What a runner is made with for one test. */
export interface RunnerSetup {
  /** A program and its arguments; a shell script where none is given: the payload. */
  readonly words?: readonly string[];
  /** Milliseconds; none when absent. */
  readonly jobTimeoutMs?: number;
}

/** A runner as it is tested. */
export interface TestedRunner {
  readonly runner: Runner;
  /** Called after the last job. Then nothing of the runner may be left in the spool. */
  close(): Promise<void>;
}

/** One implementation of the contract. */
export interface RunnerBody {
  readonly name: string;
  create(spool: Spool, setup: RunnerSetup): TestedRunner;
}

/** All that was reported of one run, and its response. */
interface Heard {
  readonly end: RunEnd;
  readonly kinds: readonly RunEvent["kind"][];
  readonly output: string;
  readonly error: string;
  readonly response: string;
  readonly pid: number | undefined;
}

/** A script and how it is run. */
type More = Partial<RunOrder> & { readonly onEvent?: RunListener };

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function heardOf(runner: Runner, script: string, more: More): Promise<Heard> {
  const bytes = new TextEncoder().encode(script);
  const about = { workerId: 2, id: "some id" };
  const prepared = await runner.prepare({ kind: "bytes", bytes }, about);
  const { files } = prepared;
  const kinds: RunEvent["kind"][] = [];
  const output = { stdout: "", stderr: "" };
  let pid: number | undefined;
  let told: RunEnd | undefined;
  const { onEvent, ...order } = more;
  const end = await prepared.run({
    spec: { id: "some id" },
    variables: {},
    stop: createStop(),
    ...order,
  }, (event) => {
    assert.equal(told, undefined, `${event.kind} after the end`);
    if (kinds.at(-1) !== event.kind) kinds.push(event.kind);
    if (event.kind === "started") pid = event.pid;
    else if (event.kind === "ended") told = event.end;
    else output[event.kind] += text(event.bytes);
    return onEvent?.(event);
  });
  assert.equal(end, told, "the end that was reported is returned");
  const response = text((await files.readResponse(Infinity)).data.bytes);
  await files.remove();
  runner.release?.(about.workerId);
  return { end, kinds, output: output.stdout, error: output.stderr, response, pid };
}

/** Runs scripts one after the other with one runner, which is left nothing of. */
async function inTurn(
  create: (spool: Spool) => TestedRunner,
  act: (heard: (script: string, more?: More) => Promise<Heard>) => Promise<void>,
): Promise<void> {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const { runner, close } = create(spool);
  try {
    await act((script, more = {}) => heardOf(runner, script, more));
  } finally {
    await close();
  }
  assert.deepEqual(filesIn(spool.path), []);
}

async function heard(
  create: (spool: Spool) => TestedRunner,
  script: string,
  more: More = {},
): Promise<Heard> {
  const all: Heard[] = [];
  await inTurn(create, async (heard) => void all.push(await heard(script, more)));
  return all[0] as Heard;
}

/** Requests the end of a run at the first output of its command. */
function endingWhenHeard(stop: Stop, cause: "canceled" | "shutdown") {
  return { stop, onEvent: ({ kind }: RunEvent) => void (kind === "stdout" && stop.request(cause)) };
}

/** Declares the tests of one implementation. Payloads are shell scripts. */
export function testRunner({ name, create: createIn }: RunnerBody): void {
  const create = (setup: RunnerSetup) => (spool: Spool) => createIn(spool, setup);
  const test = (promise: string, act: () => Promise<void>) => Deno.test(`${name}: ${promise}`, act);

  test("run() reports started, the output of both streams, and ended", async () => {
    const run = await heard(create({}), "echo out; echo err >&2; exit 3");
    assert.equal(run.kinds[0], "started");
    assert.equal(run.kinds.at(-1), "ended");
    assert.equal(run.output, "out\n");
    assert.equal(run.error, "err\n");
    assert.ok(run.end.ok);
    assert.deepEqual(run.end.ending, { kind: "exited", exitStatus: 3 });
    assert.equal(run.end.pid, run.pid);
    assert.ok(run.end.elapsedSec > 0);
  });

  test("run() reports output while the command runs", async () => {
    const stop = createStop();
    const run = await heard(
      create({}),
      "echo first; exec sleep 600",
      endingWhenHeard(stop, "canceled"),
    );
    assert.equal(run.output, "first\n");
    assert.ok(run.end.ok);
    assert.equal(run.end.ending.kind, "canceled");
  });

  test("run() reports all output, however much it is", async () => {
    const run = await heard(create({}), "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2");
    assert.equal(run.output.length, 3_000_000);
    assert.equal(run.error.length, 3_000_000);
  });

  test("run() waits with a stream, and its memory, for a listener that returns a promise, but not with the other", async () => {
    using folder = temporaryFolder();
    const go = `${folder.path}/go`;
    const handled = Promise.withResolvers<void>();
    let first: Uint8Array | undefined;
    const run = await heard(
      create({}),
      `printf a; until [ -e ${go} ]; do sleep 0.01; done; printf b; printf c >&2`,
      {
        onEvent(event) {
          if (event.kind === "stdout" && !first) {
            first = event.bytes;
            Deno.writeTextFileSync(go, "");
            return handled.promise;
          }
          if (event.kind === "stderr") {
            assert.equal(first?.[0], "a".charCodeAt(0), "its memory is not reused");
            handled.resolve();
          }
          return undefined;
        },
      },
    );
    assert.deepEqual(run.kinds, ["started", "stdout", "stderr", "stdout", "ended"]);
    assert.equal(run.output, "ab");
    assert.equal(run.error, "c");
  });

  test("run() loses no output of a command that has ended before its listener", async () => {
    const run = await heard(create({}), "head -c 1000000 /dev/zero; head -c 300000 /dev/zero >&2", {
      async onEvent({ kind }) {
        for (let turn = 0; kind !== "ended" && turn < 3; turn++) await nextTurn();
      },
    });
    assert.equal(run.output.length, 1_000_000);
    assert.equal(run.error.length, 300_000);
  });

  test("run() times out at the shorter one of the server's and the request's limit", async () => {
    for (const [jobTimeoutMs, timeoutSec] of [[50, 600], [600_000, 0.05]] as const) {
      const run = await heard(create({ jobTimeoutMs }), "exec sleep 600", {
        spec: { id: "i", timeoutSec },
      });
      assert.ok(run.end.ok);
      assert.equal(run.end.ending.kind, "timed_out");
      assert.equal(run.end.ending.exitStatus, 124);
    }
  });

  test("run() ends for the first cause that is requested, and ignores later ones", async () => {
    const stop = createStop();
    const run = await heard(create({}), "echo; exec sleep 600", endingWhenHeard(stop, "shutdown"));
    assert.ok(run.end.ok);
    assert.equal(run.end.ending.kind, "shutdown");
    stop.request("canceled");
    assert.equal(stop.cause, "shutdown", "nothing counts after the end");
  });

  test("run() ends for a cause that was requested before it", async () => {
    const stop = createStop();
    stop.request("canceled");
    const run = await heard(create({}), "exec sleep 600", { stop });
    assert.ok(run.end.ok);
    assert.equal(run.end.ending.kind, "canceled");
  });

  test("run() reports why a command could not start, and no output", async () => {
    const run = await heard(create({ words: ["/no/such/program"] }), "");
    assert.ok(run.end.ok && run.end.ending.kind === "not_started");
    assert.equal(run.end.ending.exitStatus, 127);
    assert.match(run.end.ending.reason, /cannot run \/no\/such\/program: not found/);
    assert.ok(run.end.elapsedSec > 0);
    assert.equal(run.end.pid, undefined);
    assert.equal(run.output + run.error, "");
  });

  test("run() gives the command the run's variables, worker number, id and files", async () => {
    const run = await heard(
      create({}),
      'echo "$TRACEPARENT $JOBRUNNER_WORKER_ID <$JOBRUNNER_REQUEST_ID>"; dirname "$JOBRUNNER_RESPONSE_DATA_FN"; echo "$JOBRUNNER_JOB_DIR"',
      { variables: { TRACEPARENT: "given" } },
    );
    const [first, folder, mark] = run.output.split("\n");
    assert.equal(first, "given 2 <some id>");
    assert.equal(folder, mark);
  });

  test("run() shows a job nothing of the job before it", async () => {
    const request = {
      queryString: "a=1",
      contentType: "text/plain",
      contentLength: 7,
      filename: "name",
      headers: {},
    };
    await inTurn(create({ jobTimeoutMs: 600_000 }), async (heard) => {
      const first = await heard(
        'cd "$JOBRUNNER_JOB_DIR"; mkdir more; : >more/file; : >.hidden; chmod 755 .; echo one >"$JOBRUNNER_RESPONSE_DATA_FN"; export LEFT=left; echo x >>"$JOBRUNNER_REQUEST_DATA_FN"',
        { spec: { id: "first", request, timeoutSec: 9 }, variables: { TRACEPARENT: "trace" } },
      );
      assert.equal(first.response, "one\n");
      const second = await heard(
        'ls -A "$JOBRUNNER_JOB_DIR" | wc -l; stat -c %a "$JOBRUNNER_JOB_DIR"; wc -c <"$JOBRUNNER_RESPONSE_DATA_FN"; echo "$JOBRUNNER_REQUEST_ID|$JOBRUNNER_QUERY_STRING|$JOBRUNNER_CONTENT_TYPE|$JOBRUNNER_CONTENT_LENGTH|$JOBRUNNER_FILENAME|$JOBRUNNER_TIMEOUT_SEC|$TRACEPARENT|$LEFT"',
        { spec: { id: "second" } },
      );
      assert.equal(second.output, "2\n700\n0\nsecond|||||600||\n");
      assert.deepEqual([second.error, second.response], ["", ""]);
    });
  });

  test("run() is right after jobs that damaged their files", async () => {
    await inTurn(create({}), async (heard) => {
      for (
        const damage of [
          'rm "$JOBRUNNER_REQUEST_DATA_FN" "$JOBRUNNER_RESPONSE_DATA_FN"',
          'f=$JOBRUNNER_RESPONSE_DATA_FN; ln -sf /etc/passwd "$f"; rm "$JOBRUNNER_REQUEST_DATA_FN"; mkdir "$JOBRUNNER_REQUEST_DATA_FN"',
          'f=$JOBRUNNER_RESPONSE_DATA_FN; echo new >"$f.new"; mv "$f.new" "$f"; chmod 0 "$JOBRUNNER_REQUEST_DATA_FN"',
          'rm -r "$JOBRUNNER_JOB_DIR"',
        ]
      ) {
        assert.equal((await heard(`${damage}; echo damaged`)).output, "damaged\n");
        const after = await heard('echo right | tee "$JOBRUNNER_RESPONSE_DATA_FN"');
        assert.deepEqual([after.output, after.response, after.error], ["right\n", "right\n", ""]);
      }
    });
  });

  test("run() is right after jobs that failed, were killed or timed out", async () => {
    await inTurn(create({}), async (heard) => {
      const cases = [
        ["exit 3", 3],
        ["kill -KILL $$", 137],
        ["exec sleep 600", 124],
      ] as const;
      for (const [script, exitStatus] of cases) {
        const timeoutSec = exitStatus === 124 ? 0.05 : 600;
        const failed = await heard(script, { spec: { id: "i", timeoutSec } });
        assert.ok(failed.end.ok);
        assert.equal(failed.end.ending.exitStatus, exitStatus);
        const after = await heard("echo right; exit 7");
        assert.ok(after.end.ok);
        assert.deepEqual(after.end.ending, { kind: "exited", exitStatus: 7 });
        assert.equal(after.output, "right\n");
      }
    });
  });
}
