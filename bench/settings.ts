/**
 * What is run, and how much of it.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";

/** The numbers that can be set; their names here and in the environment. */
const numbers = {
  /** Measurements of the same thing, where one is short. */
  rounds: { variable: "BENCH_ROUNDS", normal: 3, short: 2, min: 1, max: 100 },
  /** Clients that each post one small job after the other. */
  clients: { variable: "BENCH_CLIENTS", normal: 8, short: 8, min: 1, max: 1000 },
  /** Small jobs, all rounds together. */
  jobs: { variable: "BENCH_JOBS", normal: 20_000, short: 600, min: 100, max: 1e7 },
  /** Jobs of one client for the latency, all rounds together. */
  latencyJobs: { variable: "BENCH_LATENCY_JOBS", normal: 6000, short: 400, min: 100, max: 1e7 },
  /** Seconds of each turn of the clients beside one with many requests. */
  fairSeconds: { variable: "BENCH_FAIR_SECONDS", normal: 3, short: 1, min: 1, max: 3600 },
  /** Seconds of each turn of machines that share a queue, with commands that sleep. */
  groupSeconds: { variable: "BENCH_GROUP_SECONDS", normal: 3, short: 1, min: 1, max: 3600 },
  /** Bytes of the large payload. */
  payloadBytes: { variable: "BENCH_PAYLOAD_BYTES", normal: 50 * 2 ** 20, max: 70 * 2 ** 20 },
  /** Requests with the large payload. */
  payloads: { variable: "BENCH_PAYLOADS", normal: 7, short: 2, min: 1, max: 1000 },
  /** Bytes of the file that goes up and down through `POST /run`. */
  bytes: { variable: "BENCH_BYTES", normal: 2 ** 30, short: 64 * 2 ** 20, max: 10 * 2 ** 30 },
  /** Seconds of many clients with payloads of some MiB. */
  seconds: { variable: "BENCH_SECONDS", normal: 60, short: 4, min: 1, max: 3600 },
  /** Jobs after which memory is read. */
  memoryJobs: { variable: "BENCH_MEMORY_JOBS", normal: 100_000, short: 1000, min: 1, max: 1e8 },
  /** Jobs of a warm command between two readings of memory. */
  warmJobs: { variable: "BENCH_WARM_JOBS", normal: 50_000, short: 1000, min: 1, max: 1e8 },
  /** Jobs with pauses of each adapter and of its program without one, all rounds together. */
  adapterJobs: { variable: "BENCH_ADAPTER_JOBS", normal: 30, short: 4, min: 1, max: 10_000 },
  /** Seconds of all clients without pauses, for each of the same, in each round. */
  adapterSeconds: { variable: "BENCH_ADAPTER_SECONDS", normal: 2, short: 1, min: 1, max: 3600 },
  /** Bytes that a command writes to stdout and stderr. */
  floodBytes: { variable: "BENCH_FLOOD_BYTES", normal: 10e9, short: 200e6, min: 2e6, max: 1e13 },
  /** Starts of the program. */
  starts: { variable: "BENCH_STARTS", normal: 7, short: 2, min: 1, max: 100 },
  /** Clients that wait in the queue. */
  waiting: { variable: "BENCH_WAITING", normal: 1000, short: 100, min: 1, max: 100_000 },
  /** Fetches of a page, in each round. */
  fetches: { variable: "BENCH_FETCHES", normal: 300, short: 50, min: 1, max: 1e6 },
  /** Calls of each layer alone, in each round. */
  layerCalls: { variable: "BENCH_LAYER_CALLS", normal: 20_000, short: 2000, min: 1000, max: 1e7 },
} as const satisfies Readonly<Record<string, NumberSetting>>;

/** A number that can be set. */
export interface NumberSetting {
  /** Its name in the environment. */
  readonly variable: string;
  /** Its value where it is not set. */
  readonly normal: number;
  /** Its value under `BENCH_SHORT`; the normal one without it. */
  readonly short?: number;
  /** The least that may be set; 1 without it. */
  readonly min?: number;
  /** The most that may be set. */
  readonly max: number;
}

/** A plan of one benchmark. */
export interface Settings extends Readonly<Record<keyof typeof numbers, number>> {
  /** `BENCH_SHORT`: a run that only proves that everything runs. */
  readonly isShort: boolean;
  /** Workers of the server, and threads of the floor. */
  readonly workers: number;
  /** `BENCH_ONLY`: names of the scenarios to run; undefined for all of them. */
  readonly only: readonly string[] | undefined;
  /** `BENCH_NAMED`: a comparison with named commands. */
  readonly named: boolean;
  /** `BENCH_URL`: another server. */
  readonly url: string | undefined;
  /** `BENCH_PATH`: the path there; undefined for that of the URL. */
  readonly path: string | undefined;
  /** `BENCH_BODY`: what is posted there, or the file that holds it. */
  readonly body: string | undefined;
}

/** Jobs that are not measured, before those that are: they let the runtime compile what is hot. */
export const warmUpJobs = 500;

/**
 * Reads `BENCH_…`; a program may have rows of its own for some numbers. Throws a `BenchFailure` for a
 * value that is not valid.
 */
export function readSettings(
  env: Readonly<Record<string, string>>,
  ownRows: Partial<Record<keyof typeof numbers, NumberSetting>> = {},
): Settings {
  const text = (name: string) => env[name] === "" ? undefined : env[name];
  const isShort = !["0", undefined].includes(text("BENCH_SHORT"));
  const set = Object.fromEntries(
    Object.entries({ ...numbers, ...ownRows }).map((
      [key, row],
    ) => [key, numberOf(text(row.variable), row, isShort)]),
  ) as Record<keyof typeof numbers, number>;
  return {
    ...set,
    isShort,
    workers: 3,
    named: !["0", undefined].includes(text("BENCH_NAMED")),
    only: text("BENCH_ONLY")?.split(",").map((name) => name.trim()),
    url: text("BENCH_URL"),
    path: text("BENCH_PATH"),
    body: text("BENCH_BODY"),
  };
}

/** `count` spread over the rounds, as even as whole numbers allow. */
export function perRound(count: number, rounds: number): number[] {
  const upTo = (round: number) => Math.round(count * round / rounds);
  return Array.from({ length: rounds }, (_, round) => upTo(round + 1) - upTo(round));
}

function numberOf(
  text: string | undefined,
  { variable, normal, short = normal, min = 1, max }: NumberSetting,
  isShort: boolean,
): number {
  if (text === undefined) return isShort ? short : normal;
  const value = /^\d+(e\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new BenchFailure(`${variable}=${text}: must be a whole number from ${min} to ${max}`);
}
