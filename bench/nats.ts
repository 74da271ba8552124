/**
 * NATS servers for machines that share a queue.
 *
 * @module
 */

import { join } from "node:path";
import type { Address } from "./client.ts";
import { BenchFailure } from "./failure.ts";
import { freePort } from "./port.ts";

/** NATS servers that accept connections. Disposing of them stops their processes. */
export interface Nats extends AsyncDisposable {
  /** Where the first one listens. */
  readonly address: Address;
  /** All of them, as `JOBRUNNER_NATS_URL` takes them. */
  readonly url: string;
}

const hostname = "127.0.0.1";
const startTimeoutMs = 10_000;
const pollMs = 20;

/**
 * Starts that many NATS servers with JetStream, as one cluster if there are several. They are the program that the environment
 * variable JOBRUNNER_TEST_NATS names, or else `nats-server` on PATH. `folder` is for their logs and for what they store, on disk.
 * Resolves with a sentence when this machine has no such program.
 */
export async function startNats(
  { folder, count }: { readonly folder: string; readonly count: number },
  signal: AbortSignal,
): Promise<Nats | { readonly missing: string }> {
  const program = Deno.env.get("JOBRUNNER_TEST_NATS") ?? "nats-server";
  const ports = Array.from({ length: count }, () => ({ client: freePort(), route: freePort() }));
  const routes = ports.map(({ route }) => `nats://${hostname}:${route}`);
  await using servers = new AsyncDisposableStack();
  for (const [index, { client, route }] of ports.entries()) {
    const own = join(folder, `nats-${count}-${index}`);
    Deno.mkdirSync(own);
    const cluster = count > 1
      ? `cluster { name: bench, listen: "${hostname}:${route}", routes: ${JSON.stringify(routes)} }`
      : "";
    const started = start(program, own, [
      `server_name: bench${index}`,
      `listen: "${hostname}:${client}"`,
      `jetstream { store_dir: ${JSON.stringify(join(own, "store"))} }`,
      cluster,
    ]);
    if (!started) return { missing: `there is no ${program}` };
    servers.use(started);
    await started.ready(signal);
  }
  const owned = servers.move();
  return {
    address: { hostname, port: ports[0]?.client ?? 0 },
    url: `nats://${ports.map(({ client }) => `${hostname}:${client}`).join(",")}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface NatsProcess extends AsyncDisposable {
  /** Waits until it accepts connections. */
  ready(signal: AbortSignal): Promise<void>;
}

/** Starts one server; undefined when there is no such program. */
function start(
  program: string,
  folder: string,
  config: readonly string[],
): NatsProcess | undefined {
  const file = join(folder, "nats.conf");
  const log = join(folder, "nats.log");
  Deno.writeTextFileSync(file, [...config, `log_file: ${JSON.stringify(log)}`, ""].join("\n"));
  Deno.writeTextFileSync(log, "");
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args: ["--config", file],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  let running = true;
  const ended = child.status.then(() => running = false);
  return {
    async ready(signal) {
      const deadline = performance.now() + startTimeoutMs;
      for (let text = ""; !text.includes("Server is ready"); text = Deno.readTextFileSync(log)) {
        signal.throwIfAborted();
        if (!running || performance.now() > deadline) {
          throw new BenchFailure(`${program} does not listen, its log is:\n${text}`);
        }
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },
    async [Symbol.asyncDispose]() {
      if (running) child.kill("SIGTERM");
      await ended;
    },
  };
}
