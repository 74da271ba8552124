/**
 * The real program as a child process, on a real port.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { TextLineStream } from "./lines.ts";
import { eventually } from "./processes.ts";

/** The project's folder. */
export const projectRoot: string = fileURLToPath(new URL("../../", import.meta.url));

/** Absolute path of a fixture. */
export function fixture(name: string): string {
  return `${projectRoot}test/fixtures/${name}`;
}

/** A command to start a program through: the log is a pipe in `folder`, of which only the first line is read. */
export function unreadLog(folder: string): readonly string[] {
  const script = 'mkfifo "$0"; exec 3<>"$0"; head -n 1 <&3 >&2 & exec "$@" 2>&3 3>&-';
  return ["sh", "-c", script, `${folder}/log`];
}

/** How the program ended. */
export interface Exit {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to start the program. */
export interface ProgramOptions {
  /** Variables beyond PATH, HOME and the cache of Deno. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Bytes for standard input; without them it is empty. */
  readonly stdin?: Uint8Array<ArrayBuffer>;
  /** Another entry file than `main.ts`. */
  readonly script?: string;
  /** Sends the program SIGTERM when it is aborted. */
  readonly signal?: AbortSignal;
  /** A command that is handed the program and its arguments, and runs them. */
  readonly through?: readonly string[];
}

/** A compiled binary to test instead of the source, when this variable names one. */
const binary = Deno.env.get("JOBRUNNER_TEST_BINARY");

function commandOf(
  { env = {}, args = [], cwd = projectRoot, script, stdin, signal, through = [] }: ProgramOptions,
): Deno.Command {
  const inherited = Object.fromEntries(
    ["PATH", "HOME", "DENO_DIR", "DENO_TLS_CA_STORE", "TMPDIR"]
      .map((name) => [name, Deno.env.get(name)] as const)
      .filter((pair): pair is readonly [string, string] => pair[1] !== undefined),
  );
  const program = script === undefined ? binary : undefined;
  const words = program ? [...through, program, ...args] : [
    ...through,
    Deno.execPath(),
    "run",
    "-A",
    "--cached-only",
    "--config",
    `${projectRoot}deno.json`,
    script ?? `${projectRoot}main.ts`,
    ...args,
  ];
  return new Deno.Command(words[0] ?? "", {
    args: words.slice(1),
    cwd,
    clearEnv: true,
    env: { ...inherited, ...env },
    stdin: stdin ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
    ...(signal ? { signal } : {}),
  });
}

/** Runs the program to its end. */
export async function runProgram(options: ProgramOptions): Promise<Exit> {
  const child = commandOf(options).spawn();
  if (options.stdin) await new Blob([options.stdin]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A running server. */
export interface Program extends AsyncDisposable {
  /** From the line “listening on …”. */
  readonly url: string;
  readonly pid: number;
  /** Lines of standard error so far. */
  readonly log: readonly string[];
  /** Resolves with the first line, past or future, that holds the text; rejects when the program ends before. */
  line(text: string): Promise<string>;
  /** Resolves with the exit code, however the program ends. */
  readonly exit: Promise<number>;
  /** Sends a signal and waits for the end; resolves with the exit code. */
  stop(signal?: Deno.Signal): Promise<number>;
}

/** Starts `jobrunner serve` on a free port and waits until it listens. If it does not, the error shows its log. */
export function startProgram(options: ProgramOptions): Promise<Program> {
  const env = { JOBRUNNER_HTTP_LISTEN_PORT: "0", JOBRUNNER_LOG_FORMAT: "text", ...options.env };
  return untilListening(commandOf({ ...options, env }).spawn());
}

/** Sends a second signal after the first. Signals in quick succession count as one, so it is sent until it has an effect. */
export async function secondSignal(program: Program): Promise<void> {
  await eventually("the second signal is heard", () => {
    if (program.log.some((line) => line.includes("forced stop"))) return true;
    Deno.kill(program.pid, "SIGINT");
    return false;
  });
}

/** Starts any command that ends in a server of ours, such as make, and waits until that listens. */
export function startCommand(
  name: string,
  { args = [], env = {}, cwd = projectRoot }: ProgramOptions,
): Promise<Program> {
  return untilListening(
    new Deno.Command(name, {
      args: [...args],
      cwd,
      env: { ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
}

/** Waits until a process that is or starts a server of ours listens. */
export async function untilListening(child: Deno.ChildProcess): Promise<Program> {
  const log: string[] = [];
  const waiting = new Set<
    { text: string; found: (line: string) => void; lost: (error: Error) => void }
  >();
  const reading = (async () => {
    for await (
      const line of child.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(
        new TextLineStream(),
      )
    ) {
      log.push(line);
      for (const waiter of waiting) {
        if (!line.includes(waiter.text)) continue;
        waiting.delete(waiter);
        waiter.found(line);
      }
    }
    for (const { text, lost } of waiting) {
      lost(new Error(`ended without “${text}”:\n${log.join("\n")}`));
    }
  })();
  const stdout = stdoutOf(child)?.pipeTo(new WritableStream());

  function line(text: string): Promise<string> {
    const past = log.find((line) => line.includes(text));
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((found, lost) => {
      // Not a clock to wait for: without it a line that never comes would hang the whole run.
      const guard = setTimeout(
        () => lost(new Error(`no line “${text}” in a minute:\n${log.join("\n")}`)),
        60_000,
      );
      waiting.add({
        text,
        found: (line) => (clearTimeout(guard), found(line)),
        lost: (error) => (clearTimeout(guard), lost(error)),
      });
    });
  }

  async function stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      child.kill(signal);
    } catch {
      // It has ended already.
    }
    const { code } = await child.status;
    await reading;
    await stdout;
    return code;
  }

  try {
    const listening = await line("listening on ");
    return {
      url: /listening on ([^\s"]+)/.exec(listening)?.[1] ?? "",
      pid: child.pid,
      exit: child.status.then(({ code }) => code),
      log,
      line,
      stop,
      [Symbol.asyncDispose]: async () => void await stop(),
    };
  } catch (error) {
    await stop("SIGKILL");
    throw error;
  }
}

/** Standard output, if it was asked for. */
function stdoutOf(child: Deno.ChildProcess): ReadableStream<Uint8Array<ArrayBuffer>> | undefined {
  try {
    return child.stdout;
  } catch {
    return undefined;
  }
}
