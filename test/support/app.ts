/**
 * The service in the process of a test.
 *
 * @module
 */

import { type App, startApp } from "../../src/app/app.ts";
import type { Launcher } from "../../src/exec/start.ts";
import type { Caretaker, MainAbilities } from "../../src/isolate/abilities.ts";
import { askHere } from "../../src/isolate/ask.ts";
import { type During, unmarked } from "../../src/isolate/busy.ts";
import type { Fields } from "../../src/telemetry/log.ts";
import { base64 } from "./client.ts";
import { commandHere } from "./commands.ts";
import { configOf } from "./machine.ts";
import { fixture } from "./program.ts";
import { filesIn, temporarySpool } from "./spool.ts";

/** An app in this very process. */
export interface Started extends AsyncDisposable {
  readonly app: App;
  /** Posts a shell script and resolves with the answer. */
  post(script: string, signal?: AbortSignal): Promise<Response>;
  /** What was logged: message and fields. */
  readonly lines: readonly (readonly [string, Fields | undefined])[];
  /** Resolves as soon as this message is logged. */
  logged(message: string): Promise<void>;
  /** Paths of all that lies in the spool. */
  readonly files: () => string[];
  /** Absolute path of the spool. */
  readonly spool: string;
}

const quiet: Caretaker = {
  // These commands have no children.
  end_tree: ({ pid, holdersOnly }) => holdersOnly ? undefined : Deno.kill(pid, "SIGKILL"),
  measure: () => ({ cpuSec: 1, startTimeSec: 1, processesEnded: 0, residentBytes: 7 }),
  find_gone: (clients) => clients.map(() => false),
  repair: () => undefined,
  publish_socket: () => undefined,
  free_launcher: () => undefined,
};

/** Starts an app whose jobs are shell scripts. Unless a test drains it, it is drained when it is disposed of. */
export async function start(
  env: Readonly<Record<string, string>> = {},
  caretaker: Partial<Caretaker> = {},
  { flush = () => Promise.resolve(), launcher, during = unmarked }: {
    readonly flush?: () => Promise<void>;
    readonly launcher?: Launcher;
    readonly during?: During;
  } = {},
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
        config: { ...config, commands: config.commands.map((given) => ({ ...given, command })) },
        starts: config.commands.map(({ name }) => ({
          name,
          launcher,
          env: { PATH: Deno.env.get("PATH") ?? "" },
        })),
        spoolBytes: 2 ** 30,
        spool: temporary.spool.path,
      },
      { ask: askHere<MainAbilities>({ ...quiet, ...caretaker }), during },
      { write, flush, configure() {} },
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
    files: () => filesIn(temporary.spool.path),
    spool: temporary.spool.path,
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

/** The status of an answer and its JSON; other text is under `text`. */
export async function read(
  response: Promise<Response>,
): Promise<[number, Record<string, unknown>]> {
  const answer = await response;
  const text = await answer.text();
  return [answer.status, text.startsWith("{") ? JSON.parse(text) : { text }];
}

/**
 * A script that runs until a file appears in a folder. `release` makes that file, and so does disposing of it, so that a test
 * that fails ends.
 */
export function heldBy(folder: string): Disposable & {
  readonly script: string;
  readonly release: () => void;
} {
  const gate = `${folder}/gate`;
  const release = () => Deno.writeTextFileSync(gate, "");
  return {
    script: `while [ ! -e ${gate} ]; do sleep 0.02; done; echo released`,
    release,
    [Symbol.dispose]: release,
  };
}
