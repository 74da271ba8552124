/**
 * What was measured, as a table for people.
 *
 * @module
 */

import type { Machine } from "./machine.ts";
import type { Round } from "./round.ts";
import type { Settings } from "./settings.ts";
import type { Starts } from "./start.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** Everything that was measured, and where. It is also what `results.json` holds. */
export interface Report {
  /** When, in ISO 8601. */
  readonly at: string;
  /** Version of jobrunner. */
  readonly jobrunner: string;
  /** Version of Deno. */
  readonly deno: string;
  /** Where. */
  readonly machine: Machine;
  /** How. */
  readonly configuration: Configuration;
  /** Per figure that varies by round. Those that this machine cannot tell are missing. */
  readonly figures: Readonly<Partial<Record<FigureName, Spread>>>;
  /** Resident memory of the server, in bytes. */
  readonly memory: Memory;
  /** Milliseconds from the start to “listening on …”. */
  readonly starts: Starts;
  /** The rounds in their order. */
  readonly rounds: readonly Round[];
  /** One sentence per group of figures that is missing. */
  readonly leftOut: readonly string[];
}

/** How the server was set up and loaded. */
export interface Configuration extends Settings {
  /** The command of each job. */
  readonly command: string;
  /** Jobs that may wait. */
  readonly queueLimit: number;
  /** Whether the service ran with narrowed permissions. */
  readonly sandbox: "on";
  /** A line per job, in this format, into a file. */
  readonly logFormat: "json";
}

/** Resident memory in bytes at three moments; undefined where this machine cannot tell. */
export interface Memory {
  /** Listening, no job yet. */
  readonly idleBytes: number | undefined;
  /** Before the first round. */
  readonly afterWarmUpBytes: number | undefined;
  /** After the last round. */
  readonly afterAllBytes: number | undefined;
}

/** A figure that varies by round. */
export type FigureName = Exclude<keyof Round, "jobs" | "seconds" | "residentBytes">;

const figures: readonly {
  readonly name: FigureName;
  readonly label: string;
  readonly digits: number;
}[] = [
  { name: "floorPerSec", label: "floor, spawns per second", digits: 0 },
  { name: "jobsPerSec", label: "jobs per second", digits: 0 },
  { name: "ratioToFloor", label: "ratio to the floor", digits: 3 },
  { name: "cpuMsPerJob", label: "server's own CPU per job, ms", digits: 3 },
  { name: "latencyP50Ms", label: "latency p50, ms", digits: 2 },
  { name: "latencyP99Ms", label: "latency p99, ms", digits: 2 },
];

const moments = [
  { name: "idleBytes", label: "memory idle, MiB" },
  { name: "afterWarmUpBytes", label: "memory after the warm-up, MiB" },
  { name: "afterAllBytes", label: "memory after all jobs, MiB" },
] as const;

/** Median, smallest and largest per figure. */
export function summarize(rounds: readonly Round[]): Report["figures"] {
  return Object.fromEntries(figures.flatMap(({ name }) => {
    const values = rounds.map((round) => round[name]).filter((value) => value !== undefined);
    const spread = spreadOf(values);
    return spread ? [[name, spread]] : [];
  }));
}

/** The report as text, lines of a table under what it was measured on. */
export function render(report: Report): string {
  const { machine, configuration: c } = report;
  const head = [
    `jobrunner ${report.jobrunner} on Deno ${report.deno}, ${report.at}`,
    `${machine.cpu}, ${machine.cores} cores, ${gibibytes(machine.memoryBytes)} GiB memory, ` +
    machine.system,
    `${c.command}, ${c.workers} workers, ${c.clients} clients, ${c.jobs} jobs in ${c.rounds} ` +
    `rounds after ${c.warmUpJobs} to warm up`,
    `queue limit ${c.queueLimit}, sandbox ${c.sandbox}, log ${c.logFormat}; ` +
    "clients and server share the cores",
  ];
  const rows = figures.flatMap(({ name, label, digits }) => {
    const spread = report.figures[name];
    if (!spread) return [];
    const { median, min, max } = spread;
    return [[label, ...[median, min, max].map((value) => value.toFixed(digits))]];
  });
  const memory = moments.flatMap(({ name, label }) => {
    const bytes = report.memory[name];
    return bytes === undefined ? [] : [[label, mebibytes(bytes)]];
  });
  const starts = (["source", "binary"] as const).flatMap((which) => {
    const spread = report.starts[which];
    if (!spread) return [];
    const { median, min, max } = spread;
    return [[
      `${which}, start to listening, ms`,
      ...[median, min, max].map((value) => value.toFixed(0)),
    ]];
  });
  return [
    ...head,
    "",
    ...table([["", "median", "min", "max"], ...rows, ...memory, ...starts]),
    ...report.leftOut.map((sentence) => `Left out: ${sentence}.`),
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const labelWidth = Math.max(...rows.map(([label = ""]) => label.length));
  return rows.map(([label = "", ...cells]) =>
    [label.padEnd(labelWidth), ...cells.map((cell) => cell.padStart(9))].join(" ")
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}
