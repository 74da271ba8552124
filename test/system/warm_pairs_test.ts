/**
 * Ten thousand random jobs of eight clients on three warm workers, whose processes break the protocol in every way that does not
 * happen during another job: no client gets a byte of another one. WARM_SEED repeats a run.
 */

import assert from "node:assert/strict";
import type { Answer } from "../support/client.ts";
import { eventually } from "../support/processes.ts";
import { postRun } from "../support/run_client.ts";
import { onWarm, postJob, total, warmCounts } from "../support/warm_program.ts";

const count = 10_000;

/** Runs a job whose payload is a line with its kind and status, and then its token, again and again. */
const SCRIPT = `
line, _, body = payload.partition(b"\\n")
kind, status = line.decode().split()
status = int(status)
write(1, body)
write(2, body)
respond(body)
last = end_line(status)
if kind == "plain":
    end(status)
elif kind == "twice":
    end(status, behind=last)
elif kind == "again":
    end(status)
    end(status)
elif kind == "late":
    end(status, behind=body)
elif kind == "leaving":
    for stream in 1, 2: write(stream, last[:-1] + b" leaving\\n")
    write(1, body)
    os._exit(0)
elif kind == "one":
    end(status, streams=[1])
elif kind == "exit":
    os._exit(status)
elif kind == "kill":
    os.kill(os.getpid(), 9)
elif kind == "slow":
    time.sleep(600)
elif kind == "before":
    for stream in 1, 2: write(stream, kept.get("last", b""))
    end(status)
kept["last"] = last
raise Ended`;

/** Kinds of jobs and how often they come; `slow` ends by its timeout, `gone` has a client that disconnects. */
const weights = {
  plain: 900,
  twice: 20,
  again: 20,
  late: 20,
  before: 20,
  leaving: 15,
  exit: 15,
  kill: 5,
  slow: 5,
  one: 3,
  gone: 5,
} as const;

type Kind = keyof typeof weights;

/** Random numbers from 0 to 1, always the same for a seed (a linear congruential generator with the factors of C11's example). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

interface Job {
  readonly kind: Kind;
  readonly status: number;
  readonly body: string;
  readonly viaRun: boolean;
}

function makeJob(number: number, random: () => number): Job {
  const kinds = Object.entries(weights) as [Kind, number][];
  let at = random() * total(weights);
  const [kind] = kinds.find(([, weight]) => (at -= weight) < 0) ?? ["plain" as const];
  const size = random();
  const length = size < 0.9 ? random() * 300 : size < 0.995 ? random() * 100_000 : random() * 1e6;
  const token = `<${number}>`;
  const body = token.repeat(1 + length / token.length);
  const status = random() < 0.1 ? 1 + Math.floor(random() * 255) : 0;
  return { kind, status, body, viaRun: random() < 0.3 };
}

async function check(url: string, { kind, status, body, viaRun }: Job): Promise<void> {
  const payload = `${kind === "gone" ? "slow" : kind} ${status}\n${body}`;
  if (kind === "gone") {
    const signal = AbortSignal.timeout(20);
    return await assert.rejects(postJob(url, payload, { signal }), { name: "TimeoutError" });
  }
  if (viaRun && kind !== "slow" && kind !== "one") {
    const answer = await postRun(url, payload);
    const wanted = kind === "kill" ? 137 : status;
    assert.equal(answer.headers.get("x-jr-exit-status"), String(wanted));
    if (wanted === 0) assert.ok(answer.text === body, answer.text.slice(0, 200));
    return;
  }
  const answer = await postJob(url, payload, kind === "slow" ? { timeoutSec: 0.05 } : {});
  const { output, error, data } = answer;
  assert.equal(answer.status, 200);
  if (kind === "slow") return expectPart(answer, body);
  assert.equal(answer.json["exit_status"], kind === "kill" ? 137 : status);
  const told = [output, error, data].map((text) => text.slice(0, 200)).join(" | ");
  assert.ok(output === body && data === body && error === body, told);
}

/** A job that was killed may have written only a part. */
function expectPart({ output, error, data, json }: Answer, body: string): void {
  assert.equal(json["ending"], "timed_out");
  assert.ok([output, error, data].every((part) => body.startsWith(part)));
}

Deno.test("no client gets a byte of another one's job, whatever jobs of the same processes do", async () => {
  const seed = Number(Deno.env.get("WARM_SEED") ?? Date.now() % 2 ** 31);
  const random = randomFrom(seed);
  const env = {
    SCRIPT,
    JOBRUNNER_NUM_WORKERS: "3",
    JOBRUNNER_ON_DISCONNECT: "cancel",
  };
  await onWarm(env, async ({ url }) => {
    const left = Array.from({ length: count }, (_, number) => makeJob(number, random));
    const clients = Array.from({ length: 8 }, async () => {
      for (let job = left.pop(); job; job = left.pop()) {
        try {
          await check(url, job);
        } catch (cause) {
          const about = `${job.kind} ${job.status}, ${job.body.slice(0, 20)}`;
          throw new Error(`WARM_SEED=${seed}, ${about}`, { cause });
        }
      }
    });
    await Promise.all(clients);
    await eventually("all jobs are counted", async () => {
      const { jobs } = await warmCounts(url);
      return total(jobs) > count * 0.98 && total(jobs) <= count;
    });
    const { ends, jobs, strayBytes } = await warmCounts(url);
    assert.ok((jobs["warm"] ?? 0) > (jobs["cold"] ?? 0), JSON.stringify(jobs));
    assert.ok(strayBytes > 0);
    for (const why of ["protocol", "job", "leaving", "caused"]) assert.ok(ends[why], why);
  });
});
