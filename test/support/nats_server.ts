/**
 * A real nats-server of any of the versions that `tools/nats_servers.sh` provides.
 *
 * @module
 */

import { temporaryFolder } from "./folder.ts";
import { TextLineStream } from "./lines.ts";

/** A nats-server with JetStream in a folder of its own; disposing of it kills it and removes the folder. */
export interface NatsServer extends AsyncDisposable {
  /** Host and port. */
  readonly address: string;
  /** Its port, the same after a restart. */
  readonly port: number;
  /** Id of its process. */
  readonly pid: number;
  /** Ends it with SIGTERM, and waits for its end. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL, and waits for its end. */
  kill(): Promise<void>;
  /** Starts it again after it has ended: on the same port, with what it had stored. */
  start(): Promise<void>;
  /** Freezes it. */
  freeze(): void;
  /** Lets it go on. */
  thaw(): void;
}

/** How a server is to be. */
export interface NatsServerOptions {
  /** Its program; that of `natsPrograms.usual` by default. */
  readonly program?: string;
  /** More text for its configuration file. */
  readonly config?: string;
  /** Whether it has JetStream; it has by default. */
  readonly jetStream?: boolean;
  /** Its port; a free one by default. */
  readonly port?: number;
  /** The address where it listens; 127.0.0.1 by default. */
  readonly host?: string;
}

/** Programs of several versions, as `tools/nats_servers.sh` provides them. The second and the third throw an error without them. */
export const natsPrograms = {
  /** The oldest version that will do, or else what is on PATH. */
  usual: Deno.env.get("JOBRUNNER_TEST_NATS") ?? "nats-server",
  /** The newest one. */
  get newest(): string {
    return named("JOBRUNNER_TEST_NATS_NEW");
  },
  /** One that is too old. */
  get old(): string {
    return named("JOBRUNNER_TEST_NATS_OLD");
  },
};

function named(variable: string): string {
  const path = Deno.env.get(variable);
  if (path === undefined) throw new Error(`${variable} is not set: see tools/nats_servers.sh`);
  return path;
}

/** Starts a server, and resolves when it accepts connections. Rejects with its log if it ends instead. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = temporaryFolder();
  const { host = "127.0.0.1", program = natsPrograms.usual } = options;
  let port = options.port ?? -1;
  let running: RunningServer | undefined;

  const start = async () => {
    running = launch(program, folder.path, configOf(folder.path, `${host}:${port}`, options));
    port = await running.ready;
  };
  const end = async (signal: Deno.Signal) => {
    const ending = running;
    running = undefined;
    await ending?.end(signal);
  };
  const signal = (name: Deno.Signal) => running?.process.kill(name);
  try {
    await start();
  } catch (error) {
    await running?.end("SIGKILL");
    folder[Symbol.dispose]();
    throw error;
  }
  return {
    get address() {
      return `${host}:${port}`;
    },
    get port() {
      return port;
    },
    get pid() {
      return running?.process.pid ?? 0;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    start,
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      folder[Symbol.dispose]();
    },
  };
}

interface RunningServer {
  readonly process: Deno.ChildProcess;
  /** Resolves with the port where it accepts connections. Rejects with its log if it ends instead. */
  readonly ready: Promise<number>;
  end(signal: Deno.Signal): Promise<void>;
}

function launch(program: string, folder: string, config: string): RunningServer {
  const path = `${folder}/nats.conf`;
  Deno.writeTextFileSync(path, config);
  const process = new Deno.Command(program, {
    args: ["--config", path],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const ready = Promise.withResolvers<number>();
  ready.promise.catch(() => {});
  const reading = readLog(process.stderr, ready);
  return {
    process,
    ready: ready.promise,
    async end(signal) {
      process.kill(signal);
      await process.status;
      await reading;
    },
  };
}

/** Reads the log to its end: the server says in it where it listens, and when it is ready. */
async function readLog(
  stderr: ReadableStream<Uint8Array<ArrayBuffer>>,
  ready: PromiseWithResolvers<number>,
): Promise<void> {
  const lines: string[] = [];
  let port = 0;
  for await (
    const line of stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
  ) {
    lines.push(line);
    port = Number(/Listening for client connections on .*:(\d+)$/.exec(line)?.[1] ?? port);
    if (line.endsWith("Server is ready")) ready.resolve(port);
  }
  ready.reject(new Error(`nats-server has ended: ${lines.join("\n")}`));
}

function configOf(folder: string, address: string, options: NatsServerOptions): string {
  return [
    `listen: "${address}"`,
    ...(options.jetStream === false ? [] : [`jetstream { store_dir: "${folder}/store" }`]),
    options.config ?? "",
  ].join("\n");
}
