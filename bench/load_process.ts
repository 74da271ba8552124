/**
 * A load of `loads/` as a child process.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Address } from "./client.ts";
import { BenchFailure } from "./failure.ts";

/** What a load is sent to. */
export interface Target {
  /** Where it listens. */
  readonly address: Address;
  /** The last lines of its log; undefined when that is not ours to read. */
  logTail(): string | undefined;
}

/** All loads. */
export type LoadName =
  | "jobs"
  | "payloads"
  | "beside"
  | "page"
  | "line"
  | "fair"
  | "transfer"
  | "round_trips";

/** A load that runs. Disposing of it kills the process. */
export interface RunningLoad extends AsyncDisposable {
  /** Resolves with the next value it prints. Throws a `BenchFailure` when it exits without one. */
  next(): Promise<unknown>;
}

/**
 * Far more than a slow machine needs: it only keeps a server that hangs from blocking us forever.
 */
const spareSec = 120;

/** Runs a load and resolves with the one value it prints. */
export async function runLoad<Plan extends { readonly address: Address }, Result>(
  name: LoadName,
  target: Target,
  plan: Omit<Plan, "address">,
  options: { readonly expectedSec: number; readonly signal: AbortSignal },
): Promise<Result> {
  await using load = startLoad(name, target, plan, options);
  return await load.next() as Result;
}

/** Starts a load. The signal kills it, and so does a timeout far beyond the expected time. */
export function startLoad(
  name: LoadName,
  target: Target,
  plan: object,
  { expectedSec, signal }: { readonly expectedSec: number; readonly signal: AbortSignal },
): RunningLoad {
  signal.throwIfAborted();
  const { hostname, port } = target.address;
  const place = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--allow-net=${place}`,
      fileURLToPath(new URL(`loads/${name}.ts`, import.meta.url)),
      JSON.stringify({ ...plan, address: target.address }),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complaint = new Response(child.stderr).text();
  const lines = linesOf(child.stdout);
  let late = false;
  let running = true;
  const ended = child.status.then(() => running = false);
  const kill = () => {
    if (running) child.kill("SIGKILL");
  };
  const limitSec = spareSec + expectedSec * 3;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, limitSec * 1000);
  signal.addEventListener("abort", kill, { once: true });

  return {
    async next() {
      const { value: line } = await lines.next();
      signal.throwIfAborted();
      if (line !== undefined) return JSON.parse(line);
      const reason = late
        ? `it did not exit within ${limitSec} s`
        : (await complaint).trim() || "it gave no reason";
      const log = target.logTail();
      throw new BenchFailure(
        `the load ${name} failed: ${reason}` +
          (log === undefined ? "" : `\nThe server's log ends:\n${log}`),
      );
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", kill);
      kill();
      await Promise.all([ended, lines.return(undefined), complaint]);
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
