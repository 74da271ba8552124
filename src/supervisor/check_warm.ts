/**
 * Starts each warm command once for `jobrunner serve --check`, as the server would before a job.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import type { CommandConfig, Config } from "../config/config.ts";
import { oneLine } from "../config/shown.ts";
import { environmentOf } from "../exec/child_env.ts";
import { startCommand } from "../exec/start.ts";
import { warmEnvironment } from "../exec/warm/block.ts";
import type { CommandStart } from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import { endTree } from "../machine/process_tree.ts";
import { openSpool, type Spool } from "../spool/spool.ts";
import { createWorkspace } from "../spool/workspace.ts";
import { type Log, messageOf } from "../telemetry/log.ts";
import { type Folders, openFolders } from "./folders.ts";
import { catchChildSignals } from "./signals.ts";

/** How long a process must wait for a job, in milliseconds, to count as one that does. */
const mustWaitMs = 2000;

/** How long a process may take, in milliseconds, to exit at the end of its standard input, and its streams to end after it. */
const exitMs = 1000;

/** How much of the end of stderr is looked at, in characters. */
const tailLength = 1000;

/**
 * Starts the warm commands, all at the same time, and ends them again after `waitMs` milliseconds. Returns one sentence for
 * each, or one about folders that cannot be made. `env` is the environment of the server.
 */
export async function tryWarmCommands(
  config: Config,
  env: Readonly<Record<string, string>>,
  log: Log,
  waitMs: number = mustWaitMs,
): Promise<string[]> {
  if (!config.commands.some(isTried)) return [];
  using _ends = catchChildSignals();
  let folders: Folders | undefined;
  try {
    folders = openFolders(config, env, log);
    const { starts, spool } = folders.start;
    const parts = {
      named: config.named,
      spool: openSpool(spool, () => Promise.resolve()),
      waitMs,
    };
    return await Promise.all(
      config.commands.flatMap((command, index) =>
        isTried(command) ? [tryCommand(command, starts[index] as CommandStart, parts)] : []
      ),
    );
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return [error.message];
  } finally {
    folders?.close();
  }
}

/** One whose program is missing is reported as such. */
function isTried({ run, command }: CommandConfig): boolean {
  return run.warm && command.found;
}

async function tryCommand(
  { name, pool, command, passHeaders, launch, run, killGraceMs: graceMs }: CommandConfig,
  { launcher, env }: CommandStart,
  { named, spool, waitMs }: {
    readonly named: boolean;
    readonly spool: Spool;
    readonly waitMs: number;
  },
): Promise<string> {
  const about = named ? `the command ${name}` : "the command";
  const workerId = 1;
  const files = await createWorkspace(spool, { kind: "bytes", bytes: new Uint8Array() }, {
    ...run,
    workerId,
    id: "warm",
  });
  const names = named ? { command: name, pool } : undefined;
  const common = warmEnvironment({ command: command.text, names, passHeaders });
  const environment = environmentOf({ ...env, ...common }, {}, {
    ...files,
    workerId,
    id: "",
    jobFolder: files.folder,
    request: undefined,
    timeoutMs: Infinity,
  });
  const { workingDirectory } = launch;
  const repair = () => Promise.reject(new Error("it was removed or changed"));
  let child: Deno.ChildProcess;
  try {
    child = await startCommand(
      { command, launcher, workingDirectory, stdin: "piped", repair },
      environment,
      workerId,
    );
  } catch (error) {
    return `${about} could not be started: ${oneLine(messageOf(error))}`;
  }
  let status: Deno.CommandStatus | undefined;
  const exited = child.status.then((ended) => void (status = ended));
  const stdout = tailOf(child.stdout);
  const stderr = tailOf(child.stderr);
  await atMost(waitMs, exited);
  const early = status;
  child.stdin.close().catch(() => {});
  await atMost(exitMs, exited);
  const hasMark = (mark: string) => mark === files.folder;
  await endTree({ ...(status ? {} : { pid: child.pid }), hasMark }, { graceMs });
  // A process that the kill could not find may hold them.
  await atMost(exitMs, Promise.all([stdout.ended, stderr.ended]));
  if (!early) return `${about} waits for a job`;
  const { code, signal } = early;
  const how = signal === null ? `ended with status ${code}` : `was killed by ${signal}`;
  const lastLine = stderr.text().trimEnd().split("\n").at(-1)?.trim() ?? "";
  const isLaunchers = launcher !== undefined && lastLine.startsWith(launcher.word);
  const said = lastLine === "" || isLaunchers ? "" : ` (stderr: ${oneLine(lastLine)})`;
  return `${about} ${how}: every job starts it anew${said}`;
}

/** Reads a stream to its end and keeps the end of its text. */
function tailOf(stream: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  let text = "";
  async function read(): Promise<void> {
    for await (const bytes of stream) {
      text = (text + decoder.decode(bytes, { stream: true })).slice(-tailLength);
    }
  }
  return { ended: read(), text: () => text };
}
