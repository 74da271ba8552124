/**
 * The processes of this machine at one moment: on Linux from /proc, elsewhere from `ps`.
 *
 * @module
 */

import { markVariable } from "../spool/spool.ts";

/** One running process. Zombies do not count as running. */
export interface ProcessInfo {
  /** Process id. */
  readonly pid: number;
  /** Process id of the parent. */
  readonly parent: number;
  /** Its process group, if known. */
  readonly group?: number;
  /** Its session, if known. */
  readonly session?: number;
  /** When it started, as text that can only be compared. */
  readonly startedAt: string;
  /** Its first thread has ended; others still run. */
  readonly leaderGone?: true;
}

/** A key that distinguishes a process from others that had, or will have, the same id. */
export function keyOf({ pid, startedAt }: ProcessInfo): string {
  return `${pid} ${startedAt}`;
}

/** A snapshot of the processes. */
export interface ProcessTable {
  /** All processes that could be read. */
  readonly processes: readonly ProcessInfo[];
  /** The process id that was assigned last before the snapshot; undefined where the system does not provide it. */
  readonly newestId: number | undefined;
  /** Value of `JOBRUNNER_JOB_DIR` in the process's environment, if that can be read. */
  markOf(pid: number): string | undefined;
  /** Whether the process holds the other end of one of this process's pipes; true where that cannot be determined. */
  holdsOurPipe(pid: number): boolean;
}

/** Takes a snapshot synchronously. Undefined on other systems than Linux, and if /proc cannot be read. */
export function snapshotAtOnce(): ProcessTable | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return fromProc();
  } catch {
    return undefined;
  }
}

/** Takes a snapshot. Throws if the table cannot be read (too many open files): an unreadable table is not an empty one. */
export async function snapshot(): Promise<ProcessTable> {
  if (Deno.build.os !== "linux") return await fromPs();
  try {
    return fromProc();
  } catch {
    using _room = reserve.lend();
    return fromProc();
  }
}

/** File descriptors kept in reserve, to read /proc with when all others are in use. */
const reserve = {
  files: [] as Deno.FsFile[],
  fill() {
    try {
      while (this.files.length < 4) this.files.push(Deno.openSync("/dev/null"));
    } catch {
      // None is free: the next snapshot tries again.
    }
  },
  lend(): Disposable {
    for (const file of this.files.splice(0)) file.close();
    return { [Symbol.dispose]: () => this.fill() };
  },
};

/** Reserves the file descriptors that a snapshot needs, for when there are too many open files. */
export function prepareToLook(): void {
  if (Deno.build.os === "linux") reserve.fill();
}

const markName = `${markVariable}=`;

function fromProc(): ProcessTable {
  const newest = newestId();
  const processes: ProcessInfo[] = [];
  const marks = new Map<number, string | undefined>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const info = processAt(Number(name));
    if (!info) continue;
    processes.push(info);
    marks.set(
      info.pid,
      markIn(read(`/proc/${name}/environ`)) ?? (info.leaderGone ? markOfThreads(name) : undefined),
    );
  }
  let ours: ReadonlySet<string> | undefined;
  return {
    processes,
    newestId: newest,
    markOf: (pid) => marks.get(pid),
    holdsOurPipe(pid) {
      ours ??= ourPipes();
      return pipesOf(pid).some(({ pipe }) => ours?.has(pipe));
    },
  };
}

function markIn(environ: string): string | undefined {
  return environ.split("\0").find((entry) => entry.startsWith(markName))?.slice(markName.length);
}

/** If the first thread of a process has ended, its environment can only be read from the other threads. */
function markOfThreads(pid: string): string | undefined {
  return namesIn(`/proc/${pid}/task`).map((thread) =>
    markIn(read(`/proc/${pid}/task/${thread}/environ`))
  )
    .find((mark) => mark !== undefined);
}

/**
 * Parses `pid (name) state ppid pgrp session … num_threads … starttime …` (proc_pid_stat(5)). The name may hold spaces and
 * brackets, so the fields are counted from its last bracket. Undefined for a zombie and for any other line. A process whose
 * first thread has ended looks like a zombie, but has more threads.
 */
export function parseStat(line: string): ProcessInfo | undefined {
  const [state, parent, ...rest] = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const startedAt = rest[17];
  if (startedAt === undefined || state === "X") return undefined;
  const leaderGone = state === "Z";
  if (leaderGone && Number(rest[15]) <= 1) return undefined;
  return {
    pid: parseInt(line),
    parent: Number(parent),
    group: Number(rest[0]),
    session: Number(rest[1]),
    startedAt,
    ...(leaderGone ? { leaderGone } : {}),
  };
}

/** The process that has this id now. Throws if /proc cannot be read. */
export function processAt(pid: number): ProcessInfo | undefined {
  return parseStat(read(`/proc/${pid}/stat`));
}

/** The process id that was assigned last (proc_loadavg(5)); undefined where the system does not provide it. */
export function newestId(): number | undefined {
  return Number(read("/proc/loadavg").split(" ")[4]) || undefined;
}

/**
 * The pipes that this process has made. Those that it inherited are not among them, since its commands may have inherited
 * them too: its standard streams, and every descriptor without the close-on-exec flag (open(2), O_CLOEXEC).
 */
function ourPipes(): ReadonlySet<string> {
  const pipes = pipesOf("self");
  // The runtime holds copies of its standard streams that have the flag.
  const inherited = new Set(
    pipes.filter(({ descriptor }) => wasInherited(descriptor)).map(({ pipe }) => pipe),
  );
  return new Set(pipes.map(({ pipe }) => pipe)).difference(inherited);
}

function wasInherited(descriptor: string): boolean {
  const info = read(`/proc/self/fdinfo/${descriptor}`);
  const flags = parseInt(/^flags:\t(\d+)$/m.exec(info)?.[1] ?? "0", 8);
  return Number(descriptor) <= 2 || (flags & closeOnExec) === 0;
}

/** O_CLOEXEC on Linux, x64 and ARM64. */
const closeOnExec = 0o2000000;

/** The pipes that a process holds, each with the descriptor that it holds it by. */
function pipesOf(pid: number | "self"): { readonly descriptor: string; readonly pipe: string }[] {
  return namesIn(`/proc/${pid}/fd`)
    .map((descriptor) => ({
      descriptor,
      pipe: unlessGone("", () => Deno.readLinkSync(`/proc/${pid}/fd/${descriptor}`)),
    }))
    .filter(({ pipe }) => pipe.startsWith("pipe:"));
}

function namesIn(folder: string): string[] {
  return unlessGone([], () => [...Deno.readDirSync(folder)].map((entry) => entry.name));
}

function read(path: string): string {
  return unlessGone("", () => Deno.readTextFileSync(path));
}

/** The process may have ended in the meantime, or belong to another user; any other error is thrown. */
function unlessGone<T>(nothing: T, look: () => T): T {
  try {
    return look();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return nothing;
    }
    if (code === "ESRCH" || /os error 3\)/.test(String(error))) return nothing;
    throw error;
  }
}

/** `-E` shows the environment after the command (macOS). A value is cut at its first space. */
async function fromPs(): Promise<ProcessTable> {
  const [links, environments] = await Promise.all([
    ps(["-axo", "pid=,ppid=,stat=,lstart="]),
    ps(["-axwwE", "-o", "pid=,command="]),
  ]);
  const marks = new Map<number, string>();
  for (const line of environments) {
    const mark = line.split(" ").find((word) => word.startsWith(markName));
    if (mark) marks.set(parseInt(line), mark.slice(markName.length));
  }
  return {
    processes: links.flatMap((line) => parsePsLine(line) ?? []),
    newestId: undefined,
    markOf: (pid) => marks.get(pid),
    holdsOurPipe: () => true,
  };
}

/** Parses `pid ppid stat lstart`, the columns requested from `ps`. Undefined for a zombie and for any other line. */
export function parsePsLine(line: string): ProcessInfo | undefined {
  const [pid, parent, state, ...startedAt] = line.trim().split(/\s+/);
  if (startedAt.length === 0 || state?.startsWith("Z")) return undefined;
  return { pid: Number(pid), parent: Number(parent), startedAt: startedAt.join(" ") };
}

async function ps(args: string[]): Promise<string[]> {
  const { stdout } = await new Deno.Command("ps", { args, stdin: "null", stderr: "null" }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}
