/**
 * The keys of the configuration file that are not settings of the whole server: those of a command.
 *
 * @module
 */

import { type Key, keysOf } from "./section.ts";
import type { Kind } from "../kinds.ts";
import type { Setting } from "../setting.ts";
import { settings } from "../settings.ts";

/** A kind of text; `wanted` follows “must be”. */
function text(wanted: string): Kind {
  return { type: "text", placeholder: "TEXT", wanted };
}

function whole(min: number, max: number): Kind {
  return { type: "whole", min, max, placeholder: "N" };
}

/** A row whose name is the key itself. */
interface OwnKey extends Setting {
  /** Its reader checks its values. */
  readonly raw?: true;
}

/** The maximum length of a command's description, in characters. */
export const maxDescriptionLength = 200;

const ownKeys: readonly OwnKey[] = [
  {
    name: "description",
    kind: text(`a line of at most ${maxDescriptionLength} characters`),
    default: "",
    meaning: "A sentence for people who list the commands.",
  },
  {
    name: "pool",
    kind: text("the name of a table [pools.NAME]"),
    default: "a pool of its own",
    meaning:
      "Pool whose workers run the command. Commands with the same pool share its workers and its queue; `num_workers` and `queue_*` then stand in the pool.",
  },
  {
    name: "inherit_env",
    kind: text('"all", "none" or an array of names of variables'),
    default: "all",
    meaning:
      "Variables of the server that the command gets. Secrets and the server's trace context are never among them. On Windows `SystemRoot` always is.",
    raw: true,
  },
  {
    name: "env",
    kind: text("a table of strings"),
    default: "",
    meaning:
      "Variables that the command gets in addition; they win over inherited ones. Their names must not begin with JOBRUNNER_ or be TRACEPARENT or TRACESTATE.",
    raw: true,
  },
  {
    name: "working_directory",
    kind: text("an existing folder"),
    default: "that of the server",
    meaning:
      "Working directory of the command, relative to that of the server. `{worker_id}` stands for the worker's number and `{pool}` for the name of the pool; every such folder must exist.",
  },
  {
    name: "umask",
    kind: text("an octal number from 0o000 to 0o777, such as 0o027"),
    default: "that of the server",
    meaning:
      "Permission bits that files of the command do not get. A string of octal digits will do.",
    raw: true,
  },
  {
    name: "nice",
    kind: whole(0, 19),
    default: "0",
    meaning: "Added to the niceness of the server.",
  },
  {
    name: "limit_memory_bytes",
    kind: whole(2 ** 20, 2 ** 40),
    default: "that of the server",
    meaning:
      "Address space of each process of the command (RLIMIT_AS). Runtimes that reserve far more than they use, such as Java, .NET and Node.js, need a large value.",
  },
  {
    name: "limit_cpu_sec",
    kind: whole(1, 2 ** 31 - 1),
    default: "that of the server",
    meaning:
      "Seconds of CPU time of each process of the command (RLIMIT_CPU). Not for a warm command.",
  },
  {
    name: "limit_file_bytes",
    kind: whole(1, 2 ** 40),
    default: "that of the server",
    meaning: "Size of a file that a process of the command writes (RLIMIT_FSIZE).",
  },
  {
    name: "limit_open_files",
    kind: whole(16, 2 ** 20),
    default: "1024, or the hard limit of the server if that is lower",
    meaning:
      "Files that each process of the command may have open (the soft limit of RLIMIT_NOFILE).",
  },
];

const rows: readonly Setting[] = settings;

/** The keys of a table `[pools.NAME]`. */
export const poolKeys: readonly Key[] = keysOf(rows.filter(({ scope }) => scope === "pool"));

/** The keys that only a table `[commands.NAME]` has. */
export const commandOnlyKeys: readonly Key[] = ownKeys.map((row) => ({
  name: row.name,
  row,
  ...(row.raw ? { raw: row.raw } : {}),
}));

/** The keys of a table `[commands.NAME]`. */
export const commandKeys: readonly Key[] = [
  ...keysOf(rows.filter(({ scope }) => scope !== undefined)),
  ...commandOnlyKeys,
];
