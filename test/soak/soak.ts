/**
 * Minutes of everything at once: ordinary, failing, flooding, timing-out, forking jobs and clients that disconnect.
 * At the end no process, file, descriptor or memory is left, every answer is accounted for, and the metrics add up.
 *
 * SOAK_SECONDS (default 180) and SOAK_FLOOD_BYTES (default 10 GB on each stream) set how much.
 */

import assert from "node:assert/strict";
import { type Answer, base64, get, post, postRaw, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

const seconds = Number(Deno.env.get("SOAK_SECONDS") ?? 180);
const floodBytes = Number(Deno.env.get("SOAK_FLOOD_BYTES") ?? 10e9);
const maxJobs = 100_000;
const clients = 12;

/** Kinds of jobs: a script, the client's own limit, and the outcome that an answer must show. */
const kinds = [
  { script: "exit 0", outcome: "success", weight: 30 },
  { script: "echo out; echo err >&2; exit 3", outcome: "failed", weight: 10 },
  { script: "kill -KILL $$", outcome: "failed", weight: 5 },
  {
    script: "head -c 3000000 /dev/zero >&2 & head -c 3000000 /dev/zero; wait",
    outcome: "success",
    weight: 3,
  },
  {
    script: 'head -c 3000000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"',
    outcome: "success",
    weight: 3,
  },
  { script: "sleep 1000", timeoutSec: 0.05, outcome: "timed_out", weight: 4 },
  {
    script:
      "trap '' TERM; sleep 1000 & setsid sleep 1000 & (setsid sh -c 'sleep 1000 &' &); wait; sleep 1000",
    timeoutSec: 0.1,
    outcome: "timed_out",
    weight: 4,
  },
  { script: "setsid sleep 1000 & exit 0", outcome: "success", weight: 3 },
  {
    script: 'rm "$JOBRUNNER_RESPONSE_DATA_FN"; mkdir "$JOBRUNNER_RESPONSE_DATA_FN"',
    outcome: "success",
    weight: 2,
  },
  { script: "sleep 0.2", outcome: "success", weight: 5, leaves: true },
] as const;

const bag = kinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind));

interface Tally {
  sent: number;
  left: number;
  refused: number;
  readonly answered: Map<string, number>;
}

async function client(url: string, until: number, tally: Tally): Promise<void> {
  while (Date.now() < until && tally.sent < maxJobs) {
    const kind = bag[Math.floor(Math.random() * bag.length)];
    assert.ok(kind);
    const leaver = new AbortController();
    const timer = "leaves" in kind
      ? setTimeout(() => leaver.abort(), Math.random() * 100)
      : undefined;
    const limit = "timeoutSec" in kind ? { timeout_sec: kind.timeoutSec } : {};
    tally.sent++;
    let answer: Answer;
    try {
      const body = JSON.stringify({ id: String(tally.sent), data: base64(kind.script), ...limit });
      answer = await postRaw(url, body, { signal: leaver.signal });
    } catch (error) {
      if ((error as Error).name !== "AbortError") throw error;
      tally.left++;
      continue;
    } finally {
      clearTimeout(timer);
    }
    if (answer.status === 503) {
      assert.match(answer.text, /^job queue too large/);
      tally.refused++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    assert.equal(answer.status, 200, answer.text);
    const outcome = outcomeOf(answer.json);
    assert.equal(outcome, kind.outcome, `${kind.script}\n${answer.text.slice(0, 500)}`);
    tally.answered.set(outcome, (tally.answered.get(outcome) ?? 0) + 1);
  }
}

function outcomeOf(json: Answer["json"]): string {
  if (json["ending"] === "exited") return json["exit_status"] === 0 ? "success" : "failed";
  return json["ending"] === "signaled" ? "failed" : String(json["ending"]);
}

async function counted(url: string): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (
    const [, outcome = "", value] of (await get(`${url}/metrics`)).text.matchAll(
      /^jobrunner_jobs_total{.*outcome="(\w+)"} (\d+)$/gm,
    )
  ) {
    sums.set(outcome, (sums.get(outcome) ?? 0) + Number(value));
  }
  return sums;
}

/** Living processes, other than the server, that carry a mark inside the spool. */
function marked(spool: string): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    try {
      if (
        /^\d+$/.test(name) &&
        Deno.readTextFileSync(`/proc/${name}/environ`).includes(`JOBRUNNER_JOB_DIR=${spool}/`)
      ) count++;
    } catch {
      // Gone meanwhile.
    }
  }
  return count;
}

function descriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

function residentMiB(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ??
    [];
  return Number(kilobytes) / 1024;
}

function start(folder: string, env: Record<string, string>): Promise<Program> {
  return startProgram({
    env: {
      JOBRUNNER_SPOOL_DIR: folder,
      JOBRUNNER_KILL_GRACE_SEC: "0.2",
      JOBRUNNER_MAX_OUTPUT_BYTES: "1048576",
      ...env,
    },
  });
}

Deno.test("serve under all kinds of jobs leaves nothing behind, and its metrics add up", async () => {
  using folder = temporaryFolder();
  await using program = await start(folder.path, {
    JOBRUNNER_CMD: fixture("run_payload.sh"),
    JOBRUNNER_QUEUE_LIMIT: "6",
    JOBRUNNER_NUM_WORKERS: "4",
  });
  const { url, pid } = program;
  const tally: Tally = { sent: 0, left: 0, refused: 0, answered: new Map() };
  const phase = (share: number) => {
    const until = Date.now() + seconds * share * 1000;
    return Promise.all(Array.from({ length: clients }, () => client(url, until, tally)));
  };
  const idle = () =>
    eventually("the line and the workers are empty", async () => {
      const status = await statusOf(url);
      return status.busy === 0 && status.queued_jobs === 0 && status.buffered_bytes === 0;
    });

  await phase(0.3);
  await idle();
  const [descriptorsBefore, memoryBefore] = [descriptors(pid), residentMiB(pid)];
  await phase(0.7);
  await idle();
  const spool = spoolIn(folder.path);
  await eventually("no process is left", () => marked(spool) === 0);
  assert.deepEqual(filesIn(spool), []);
  await eventually("no descriptor is left", () => descriptors(pid) <= descriptorsBefore + clients);
  const memoryAfter = residentMiB(pid);

  const sums = await counted(url);
  const answered = [...tally.answered.values()].reduce((sum, count) => sum + count, 0);
  const total = [...sums.values()].reduce((sum, count) => sum + count, 0);
  console.log({ ...tally, metrics: sums, descriptorsBefore, memoryBefore, memoryAfter });
  assert.equal(
    answered + tally.left + tally.refused,
    tally.sent,
    "every request was answered, or its client disconnected",
  );
  for (const [outcome, count] of tally.answered) {
    assert.ok((sums.get(outcome) ?? 0) >= count, outcome);
  }
  assert.ok(
    total >= answered && total <= answered + tally.left,
    "all answered jobs are counted, and some whose clients disconnected",
  );
  assert.equal((await statusOf(url)).total_jobs, total);
  assert.equal(sums.get("shutdown"), 0);
  assert.equal(sums.get("not_started"), 0);
  assert.ok(memoryAfter < memoryBefore * 1.3 + 20, `${memoryBefore} MiB became ${memoryAfter} MiB`);
  assert.equal(await program.stop(), 0);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  assert.ok(!program.log.some((line) => line.includes(" ERROR ")));
});

Deno.test("serve keeps its memory flat while a job floods both streams beyond the output limit", async () => {
  using folder = temporaryFolder();
  await using program = await start(folder.path, {
    JOBRUNNER_CMD: fixture("flood_both_streams.sh"),
    FLOOD_BYTES: String(floodBytes),
  });
  const samples: number[] = [];
  let over = false;
  const flood = post(program.url, "x").finally(() => over = true);
  while (!over) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    samples.push(residentMiB(program.pid));
  }
  const { json } = await flood;
  assert.deepEqual([json["exit_status"], json["output_truncated"], json["error_truncated"]], [
    0,
    true,
    true,
  ]);
  const early = Math.max(...samples.slice(0, Math.ceil(samples.length / 4)));
  const most = Math.max(...samples);
  console.log({ floodBytes, samples: samples.length, early, most });
  assert.ok(most < early * 1.2 + 10, `${early} MiB became ${most} MiB`);
});
