/**
 * A server that has been idle, on a machine that grants no more processes and threads.
 */

import assert from "node:assert/strict";
import { type Answer, base64, fillLog, post, postRaw, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { boundByCount } from "../support/powers.ts";
import { eventually } from "../support/processes.ts";
import { fixture, unreadLog } from "../support/program.ts";
import { on, type Stage } from "../support/stage.ts";

/** Larger than what is written and read without a thread. */
const largeBytes = 300_000;

/** Waits until the runtime's idle threads have ended, after ten seconds. If some stay, no event says so. */
async function idleThreadsLeave(pid: number): Promise<void> {
  const giveUpAt = performance.now() + 11_000;
  const pooled = () =>
    [...Deno.readDirSync(`/proc/${pid}/task`)].filter(({ name }) =>
      Deno.readTextFileSync(`/proc/${pid}/task/${name}/comm`).startsWith("tokio-runtime")
    );
  while (pooled().length > 0 && performance.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A program that may have more processes and threads than at its start, but not many more. */
async function onFewProcesses(
  env: Readonly<Record<string, string>>,
  act: (stage: Stage) => Promise<void>,
  through: readonly string[] = [],
): Promise<void> {
  await on("run_payload.sh", { JOBRUNNER_NUM_WORKERS: "3", ...env }, async (stage) => {
    try {
      await act(stage);
    } catch (error) {
      // A runtime that fails while its output is not read hangs.
      Deno.kill(stage.program.pid, "SIGKILL");
      throw error;
    }
  }, [...through, ...boundByCount(120)]);
}

/** A job that has forked to the limit, and goes on. */
interface Forking {
  /** Its answer; undefined if its client has disconnected. */
  readonly answer: Promise<Answer | undefined>;
  /** Disconnects its client. */
  leave(): void;
}

async function forkToTheLimit({ url, folder }: Stage, timeoutSec = 60): Promise<Forking> {
  const client = new AbortController();
  const data = base64(`exec ${fixture("fork_to_the_limit.sh")}`);
  const answer = postRaw(url, JSON.stringify({ id: "forks", data, timeout_sec: timeoutSec }), {
    signal: client.signal,
  }).catch(() => undefined);
  await eventually("it has forked to the limit", () => {
    return [...Deno.readDirSync(folder)].some(({ name }) => name === "full");
  });
  return { answer, leave: () => client.abort() };
}

/** Asserts the answer that every job gets meanwhile. */
async function isRefused(url: string, payload: string): Promise<void> {
  // Not a clock to wait for: a runtime that fails may hang.
  const { status, text } = await post(url, payload, { signal: AbortSignal.timeout(20_000) });
  assert.equal(status, 503);
  assert.equal(text, "The server could not start a process; see the server's log\n");
}

const large = `exit 0\n${"#".repeat(largeBytes)}`;

/** A job that waits and then writes a large response, without another process for either. */
async function waitingJob({ url, folder }: Stage): Promise<{ finish(): Promise<Answer> }> {
  const fifo = `${folder}/fifo`;
  await new Deno.Command("mkfifo", { args: ["--mode=666", fifo] }).output();
  const answer = post(
    url,
    `echo $$ >"$PIDS/waiting"; read line <${fifo}
    printf '%${largeBytes}d' 0 >"$JOBRUNNER_RESPONSE_DATA_FN"`,
  );
  // If the server dies, that is seen elsewhere.
  answer.catch(() => {});
  await eventually(
    "it runs",
    async () => (await statusOf(url)).busy === 1,
  );
  return {
    finish() {
      Deno.writeTextFileSync(fifo, "\n");
      return answer;
    },
  };
}

/** Waits until a job runs: as soon as the system has removed the killed processes. */
async function runsAgain(url: string): Promise<void> {
  await eventually("a job runs", async () => (await post(url, large)).status === 200);
}

Deno.test("serve refuses jobs and keeps running when an idle server can get no thread", async () => {
  await onFewProcesses({}, async (stage) => {
    const { url, program } = stage;
    const waiting = await waitingJob(stage);
    await idleThreadsLeave(program.pid);
    const forking = await forkToTheLimit(stage);
    await isRefused(url, "exit 0");
    await isRefused(url, large);
    const { status, data } = await waiting.finish();
    assert.equal(status, 200);
    assert.equal(data.length, largeBytes);
    await eventually("the launcher is put right whenever the job damages it", () => {
      return program.log.filter((line) => line.includes("repaired the server's folder")).length ===
        2;
    });
    await isRefused(url, "exit 0");
    forking.leave();
    await runsAgain(url);
    assert.equal(await program.stop(), 0);
  });
});

Deno.test("serve without a sandbox keeps running without threads; a timeout kills the job that took them", async () => {
  await onFewProcesses({ JOBRUNNER_SANDBOX: "off" }, async (stage) => {
    const { url, program } = stage;
    await idleThreadsLeave(program.pid);
    const forking = await forkToTheLimit(stage, 5);
    await isRefused(url, "exit 0");
    await isRefused(url, large);
    assert.equal((await forking.answer)?.json["exit_status"], 124);
    await runsAgain(url);
    assert.equal(await program.stop(), 0);
  });
});

Deno.test("serve with an unread log keeps running without threads, and two signals stop it", async () => {
  using folder = temporaryFolder();
  await onFewProcesses({}, async (stage) => {
    const { url, program } = stage;
    await fillLog(url);
    await idleThreadsLeave(program.pid);
    const forking = await forkToTheLimit(stage);
    await isRefused(url, large);
    await isRefused(url, large);
    let answer: Answer | undefined;
    forking.answer.then((answered) => answer = answered);
    await eventually("the job is cut", () => {
      // Signals in quick succession count as one, so it is sent until it has an effect.
      if (!answer) Deno.kill(program.pid, "SIGTERM");
      return answer !== undefined;
    });
    assert.equal(answer?.json["ending"], "shutdown");
    assert.equal(await program.exit, 1);
  }, unreadLog(folder.path));
});
