/**
 * Tests of an adapter for warm workers: a table of jobs runs as a cold command and through the adapter, and the answers must be
 * equal. The table is that of the scripts `test/fixtures/warm/job.*`: the first word of the payload chooses what a job does.
 *
 * | first word  | what the job does                                                                                   |
 * | ----------- | --------------------------------------------------------------------------------------------------- |
 * | `hello`     | prints `out` and a newline; writes `err` and a newline to stderr, the payload to the response file  |
 * | `quiet`     | nothing                                                                                             |
 * | `exit3`     | prints `before` and a newline, writes `half` to the response file, exits with 3                     |
 * | `throw`     | prints `before` and a newline, then throws the language's usual exception with the text `thrown`    |
 * | `kill`      | ends itself with SIGKILL                                                                            |
 * | `echo`      | copies the payload, byte for byte, to stdout and to the response file                               |
 * | `variables` | prints a line `NAME=value` for each further word, a name; the value is empty for one that is unset  |
 * | `stdin`     | reads its standard input to the end and prints the number of bytes and a newline                    |
 * | `child`     | prints `before `, runs `sh -c 'wc -c; echo child >&2'` with the same stdin, prints `after`, newline |
 * | `at_exit`   | registers what runs at the end of the program and prints `late` and a newline; prints `before `     |
 * | `arguments` | prints the arguments of the script, one on each line                                                |
 * | `close`     | prints `before` and a newline, then closes its standard output                                      |
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Answer, postRaw } from "./client.ts";
import { temporaryFolder } from "./folder.ts";
import { startNamed, tomlString } from "./named.ts";
import { fixture, type Program, projectRoot } from "./program.ts";
import { jobFilesIn, runAdapter } from "./warm_adapter_run.ts";
import { idlePids } from "./warm_program.ts";

/** Names of the jobs of the table. */
export type JobName = typeof jobs[number]["name"];

/** What must be equal of two answers; each byte of the outputs is one character. */
export interface Outcome {
  readonly output: string;
  readonly error: string;
  readonly data: string;
  readonly exit_status: unknown;
  readonly ending: unknown;
}

/** A difference between cold and warm that the documentation of the adapter states. */
export interface Difference {
  /** What the difference is. */
  readonly reason: string;
  /** What must still be equal: applied to the outcome of both sides. */
  readonly without: (outcome: Outcome) => Outcome;
}

/** An adapter, and how it is compared. */
export interface WarmAdapter {
  /** Name of the tests. */
  readonly name: string;
  /** Program that must be on the PATH; that it is missing is a failure. */
  readonly needs: string;
  /** Words of the command without the adapter. */
  readonly cold: readonly string[];
  /** Words of the command with the adapter. */
  readonly warm: readonly string[];
  /** Variables for the command with the adapter. */
  readonly warmEnv?: Readonly<Record<string, string>>;
  /** Whether a process serves one job, or many, as long as no job ends it. */
  readonly serves: "one job" | "many jobs";
  /** Jobs that end a process that otherwise serves many. */
  readonly endedBy?: readonly JobName[];
  /** Jobs that are left out, with the reason. */
  readonly leftOut?: Readonly<Partial<Record<JobName, string>>>;
  /** Documented differences. */
  readonly differences?: Readonly<Partial<Record<JobName, Difference>>>;
}

/** Absolute path of a file in `contrib/warm`. */
export function adapterFile(name: string): string {
  return `${projectRoot}contrib/warm/${name}`;
}

/** Absolute path of a job script. */
export function jobFile(name: string): string {
  return fixture(`warm/${name}`);
}

/** The difference of adapters whose own process outlives a job that a signal ended. */
export const signalAsStatus: Difference = {
  reason: "a job that a signal ended has exited, with 128 and the number of the signal",
  without: (outcome) => ({ ...outcome, ending: "exited or signaled" }),
};

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Variables that cold and warm jobs must find equal. */
const variables = [
  "JOBRUNNER_REQUEST_ID",
  "JOBRUNNER_TIMEOUT_SEC",
  "JOBRUNNER_WORKER_ID",
  "JOBRUNNER_REQUEST_DIR",
  "JOBRUNNER_QUERY_STRING",
  "JOBRUNNER_FILENAME",
  "TRACEPARENT",
  "TRACESTATE",
].join(" ");

/** One job of the table. */
interface Job {
  readonly name: string;
  /** The payload; without it the name. */
  readonly payload?: string;
  readonly id?: string;
  readonly timeoutSec?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the cold answer must be, so that two equal failures are not taken for a success. */
  readonly expected: Partial<Outcome>;
}

const big = `echo ${bytesText(2 ** 20)}`;

/** In the order in which they run; after each that ends badly there is one that must not notice. */
const jobs = [
  {
    name: "hello",
    payload: "hello you",
    expected: { exit_status: 0, ending: "exited", output: "out\n", error: "err\n" },
  },
  { name: "quiet", expected: { exit_status: 0, output: "", error: "", data: "" } },
  { name: "exit3", expected: { exit_status: 3, output: "before\n", data: "half" } },
  {
    name: "hello after exit3",
    payload: "hello again",
    expected: { exit_status: 0, data: "hello again" },
  },
  { name: "throw", expected: { output: "before\n" } },
  {
    name: "hello after throw",
    payload: "hello after",
    expected: { exit_status: 0, data: "hello after" },
  },
  { name: "kill", expected: { exit_status: 137, ending: "signaled", output: "" } },
  { name: "hello after kill", payload: "hello", expected: { exit_status: 0, data: "hello" } },
  { name: "echo", payload: big, expected: { exit_status: 0, output: big, data: big, error: "" } },
  {
    name: "variables",
    payload: `variables ${variables}`,
    id: "a=b  =ü€ 'c'",
    timeoutSec: 50,
    headers: { traceparent: trace, tracestate: "a=1,b=2" },
    expected: { exit_status: 0, error: "" },
  },
  {
    name: "variables of a job without them",
    payload: `variables ${variables}`,
    id: "=",
    expected: { exit_status: 0, error: "" },
  },
  { name: "stdin", expected: { exit_status: 0, output: "0\n" } },
  { name: "child", expected: { exit_status: 0, output: "before 0\nafter\n", error: "child\n" } },
  { name: "at_exit", expected: { exit_status: 0, output: "before late\n" } },
  { name: "arguments", expected: { exit_status: 0, error: "" } },
  { name: "close", expected: { output: "before\n" } },
  { name: "hello after close", payload: "hello", expected: { exit_status: 0, data: "hello" } },
] as const satisfies readonly Job[];

/** Text in which each character is one byte of any value. */
function bytesText(length: number): string {
  return String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte)).repeat(
    length / 256,
  );
}

/** Declares the tests of adapters. */
export function testWarmAdapters(adapters: readonly WarmAdapter[]): void {
  for (const adapter of adapters) {
    Deno.test(`${adapter.name} answers each job as the cold command does`, async (test) => {
      assert.ok(isInstalled(adapter.needs), `${adapter.needs} is not installed`);
      await using program = await startNamed(configurationOf(adapter));
      for (const job of jobs) {
        if (adapter.leftOut?.[job.name] !== undefined) continue;
        await test.step(job.name, () => compare(program, adapter, job));
      }
    });
    Deno.test(`${adapter.name} exits with 0 at the end of standard input`, async () => {
      const exit = await runAdapter(adapter, { warm: "1" });
      assert.deepEqual(exit, { code: 0, stdout: "", stderr: "" });
    });
    Deno.test(`${adapter.name} receives variables in pieces, and those that it does not know`, () =>
      receivesBlock(adapter));
  }
}

/** Asserts that an adapter understands a block that comes in pieces and has characters, names and values of all kinds. */
async function receivesBlock(adapter: WarmAdapter): Promise<void> {
  using folder = temporaryFolder();
  const payload = "variables JOBRUNNER_REQUEST_ID JOBRUNNER_TIMEOUT_SEC JOBRUNNER_DEADLINE";
  const files = jobFilesIn(folder.path, payload);
  const empty = { JOBRUNNER_REQUEST_ID: "", JOBRUNNER_TIMEOUT_SEC: "", JOBRUNNER_DEADLINE: "" };
  const word = "0123456789abcdef".repeat(2);
  const lines = [
    "JOBRUNNER_REQUEST_ID=€=ü€\u2028 €€",
    "JOBRUNNER_TIMEOUT_SEC=2.5",
    "JOBRUNNER_DEADLINE=",
    "JOBRUNNER_NEW_NAME=1",
    ...Object.entries(files).map(([name, value]) => `${name}=${value}`),
    `JOBRUNNER_END=${word}`,
  ];
  const { code, stdout, stderr } = await runAdapter(adapter, {
    warm: "1",
    variables: { ...files, ...empty },
    block: `${lines.join("\n")}\n\n`,
  });
  const end = new RegExp(`\x1e${word} 0( leaving)?\r?\n$`);
  assert.equal(stdout.replace(end, ""), `${lines.slice(0, 3).join("\n")}\n`);
  assert.equal(stderr.replace(end, ""), "");
  assert.equal(code, 0);
}

function isInstalled(program: string): boolean {
  const args = ["-c", 'command -v "$0"', program];
  return new Deno.Command("sh", { args, stdout: "null" }).outputSync().success;
}

function configurationOf({ cold, warm, warmEnv = {} }: WarmAdapter): string {
  const cmdOf = (words: readonly string[]) =>
    `cmd = ${tomlString([...words, "an argument", "-x"].map((word) => `'${word}'`).join(" "))}`;
  const env = Object.entries(warmEnv).map(([name, value]) => `${name} = ${tomlString(value)}`);
  return `
  num_workers = 1
  [commands.cold]
  ${cmdOf(cold)}
  [commands.warm]
  ${cmdOf(warm)}
  warm = true
  env = { ${env.join(", ")} }
  `;
}

/** Runs a job on both sides. Asserts that the answers are equal, and that a process waited for the job. */
async function compare(
  program: Program,
  adapter: WarmAdapter,
  job: typeof jobs[number],
): Promise<void> {
  const cold = outcomeOf(await postJob(program, "cold", job));
  const expected: Partial<Outcome> = job.expected;
  for (const key of Object.keys(expected) as (keyof Outcome)[]) {
    assertSame(cold[key], expected[key], `cold ${key}`);
  }
  const before = await waitingProcess(program);
  const answer = await postJob(program, "warm", job);
  const { without = (outcome: Outcome) => outcome } = adapter.differences?.[job.name] ?? {};
  const [left, right] = [without(outcomeOf(answer)), without(cold)];
  for (const key of Object.keys(cold) as (keyof Outcome)[]) {
    assertSame(left[key], right[key], `warm ${key}`);
  }
  assert.equal(answer.json["warm"], true, "a process waited for the job");
  assert.equal(answer.json["message"], undefined);
  const ends = adapter.serves === "one job" || adapter.endedBy?.includes(job.name) === true;
  assert.equal(await waitingProcess(program) !== before, ends, "whether the process was replaced");
}

/** Asserts that two values are equal, without printing a megabyte if they are not. */
function assertSame(actual: unknown, expected: unknown, what: string): void {
  const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 2000);
  assert.ok(actual === expected, `${what}: ${shown(actual)}\nand not: ${shown(expected)}`);
}

function postJob(program: Program, command: string, job: Job): Promise<Answer> {
  const { name, payload = name, id = "some id", timeoutSec, headers = {} } = job;
  const body = { id, data: btoa(payload), timeout_sec: timeoutSec };
  return postRaw(program.url, JSON.stringify(body), {
    command,
    headers: { ...headers },
    // Not a clock to wait for: without it a job that never ends would hang the whole run.
    signal: AbortSignal.timeout(60_000),
  });
}

export function outcomeOf({ status, json, text }: Answer): Outcome {
  assert.equal(status, 200, text);
  const bytes = (key: string) => atob(String(json[key]));
  return {
    output: bytes("output"),
    error: bytes("error"),
    data: bytes("data"),
    exit_status: json["exit_status"],
    ending: json["ending"],
  };
}

/** Waits until a process waits for the next job; returns its id. */
export async function waitingProcess(program: Program): Promise<number> {
  const [pid] = await idlePids(program.url, 1);
  return pid as number;
}
