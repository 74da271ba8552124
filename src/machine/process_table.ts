/**
 * The processes of this machine at one moment: on Linux from /proc, elsewhere from `ps`.
 *
 * @module
 */

import { markVariable } from "../spool/spool.ts";

/** One living process. Zombies are not living. */
export interface ProcessInfo {
  /** Process id. */
  readonly pid: number;
  /** Process id of the parent. */
  readonly parent: number;
  /** Its process group; where that is known. */
  readonly group?: number;
  /** Its session; where that is known. */
  readonly session?: number;
  /** When it started, in a form that is only good for comparing. */
  readonly startedAt: string;
  /** Its first thread has ended, others live on. */
  readonly leaderGone?: true;
}

/** Tells a process from another one that had, or will have, its id. */
export function keyOf({ pid, startedAt }: ProcessInfo): string {
  return `${pid} ${startedAt}`;
}

/** Processes, and what is known of each. */
export interface ProcessTable {
  /** All that could be read. */
  readonly processes: readonly ProcessInfo[];
  /** The process id that had been given last when the look began; undefined where that is not told. */
  readonly newestId: number | undefined;
  /** Value of `JOBRUNNER_JOB_DIR` in its environment, if that can be read. */
  markOf(pid: number): string | undefined;
  /** Whether it holds the other end of one of this process's pipes; true where that cannot be found out. */
  holdsOurPipe(pid: number): boolean;
}

/** Looks at once, where that can be done without waiting; undefined elsewhere, and when the machine does not let it look. */
export function snapshotAtOnce(): ProcessTable | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return fromProc();
  } catch {
    return undefined;
  }
}

/** Looks now. Throws if the table cannot be read (too many open files): that is not an empty table. */
export async function snapshot(): Promise<ProcessTable> {
  if (Deno.build.os !== "linux") return await fromPs();
  try {
    return fromProc();
  } catch {
    using _room = reserve.lend();
    return fromProc();
  }
}

/** Descriptors that are kept for looking when every other one is taken. */
const reserve = {
  files: [] as Deno.FsFile[],
  fill() {
    try {
      while (this.files.length < 4) this.files.push(Deno.openSync("/dev/null"));
    } catch {
      // None left: the next look tries again.
    }
  },
  lend(): Disposable {
    for (const file of this.files.splice(0)) file.close();
    return { [Symbol.dispose]: () => this.fill() };
  },
};

/** Sets aside what is needed to look even when there are too many open files. */
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
      return pipesOf(pid).some((pipe) => ours?.has(pipe));
    },
  };
}

function markIn(environ: string): string | undefined {
  return environ.split("\0").find((entry) => entry.startsWith(markName))?.slice(markName.length);
}

/** The environment of a process whose first thread has ended can only be read at the others. */
function markOfThreads(pid: string): string | undefined {
  return namesIn(`/proc/${pid}/task`).map((thread) =>
    markIn(read(`/proc/${pid}/task/${thread}/environ`))
  )
    .find((mark) => mark !== undefined);
}

/**
 * `pid (name) state ppid pgrp session … num_threads … starttime …` (proc_pid_stat(5)); the name may hold spaces and brackets, so what
 * follows is counted from its last bracket. Undefined for a zombie and for what is no such line. A process whose first
 * thread has ended looks like a zombie, but has more threads.
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

/** The process that has this id now. Throws when the machine does not let it look. */
export function processAt(pid: number): ProcessInfo | undefined {
  return parseStat(read(`/proc/${pid}/stat`));
}

/** The process id that was given last (proc_loadavg(5)); undefined where that is not told. */
export function newestId(): number | undefined {
  return Number(read("/proc/loadavg").split(" ")[4]) || undefined;
}

/** The pipes that this process reads from; its own standard streams are its parent's business. */
function ourPipes(): ReadonlySet<string> {
  return new Set(pipesOf("self", (descriptor) => Number(descriptor) > 2));
}

function pipesOf(
  pid: number | "self",
  which: (descriptor: string) => boolean = () => true,
): string[] {
  return namesIn(`/proc/${pid}/fd`).filter(which)
    .map((name) => unlessGone("", () => Deno.readLinkSync(`/proc/${pid}/fd/${name}`)))
    .filter((target) => target.startsWith("pipe:"));
}

function namesIn(folder: string): string[] {
  return unlessGone([], () => [...Deno.readDirSync(folder)].map((entry) => entry.name));
}

function read(path: string): string {
  return unlessGone("", () => Deno.readTextFileSync(path));
}

/** A process may be gone meanwhile, or not ours to look into; anything else is a failure to look. */
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

/** `-E` shows the environment after the command (macOS); a value with a blank in it is cut there. */
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

/** `pid ppid stat lstart`, as asked of `ps`. Undefined for a zombie and for what is no such line. */
export function parsePsLine(line: string): ProcessInfo | undefined {
  const [pid, parent, state, ...startedAt] = line.trim().split(/\s+/);
  if (startedAt.length === 0 || state?.startsWith("Z")) return undefined;
  return { pid: Number(pid), parent: Number(parent), startedAt: startedAt.join(" ") };
}

async function ps(args: string[]): Promise<string[]> {
  const { stdout } = await new Deno.Command("ps", { args, stdin: "null", stderr: "null" }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}
