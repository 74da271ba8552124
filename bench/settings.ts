/**
 * What is run, and how often.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";

/** A plan of one benchmark. */
export interface Settings {
  /** Workers of the server, and threads of the floor. */
  readonly workers: number;
  /** Clients that each post one job after the other. */
  readonly clients: number;
  /** Measured jobs, all rounds together. */
  readonly jobs: number;
  /** Rounds over which `jobs` are spread. */
  readonly rounds: number;
  /** Jobs before the first round, not measured: they let the runtime compile what is hot. */
  readonly warmUpJobs: number;
}

/**
 * Reads `BENCH_JOBS` (20 000; at least one per round), `BENCH_CLIENTS` (8) and `BENCH_ROUNDS` (3).
 * Throws a `BenchFailure` for any other value.
 */
export function readSettings(env: Readonly<Record<string, string>>): Settings {
  const rounds = whole(env, "BENCH_ROUNDS", { fallback: 3, min: 1, max: 100 });
  return {
    workers: 3,
    clients: whole(env, "BENCH_CLIENTS", { fallback: 8, min: 1, max: 1000 }),
    jobs: whole(env, "BENCH_JOBS", { fallback: 20_000, min: rounds, max: 10_000_000 }),
    rounds,
    warmUpJobs: 500,
  };
}

/** Jobs of each round: as even as whole numbers allow, together `jobs`. */
export function jobsPerRound({ jobs, rounds }: Settings): number[] {
  const upTo = (round: number) => Math.round(jobs * round / rounds);
  return Array.from({ length: rounds }, (_, round) => upTo(round + 1) - upTo(round));
}

function whole(
  env: Readonly<Record<string, string>>,
  name: string,
  { fallback, min, max }: { readonly fallback: number; readonly min: number; readonly max: number },
): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new BenchFailure(`${name}=${text}: must be a whole number from ${min} to ${max}`);
}
