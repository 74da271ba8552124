/**
 * The kernel's monotonic clock. The runtime's own clocks begin with the process, and /proc/uptime also counts suspended time.
 *
 * @module
 */

/** CLOCK_MONOTONIC on Linux (clock_gettime(2)). */
const clockMonotonic = 1;

/** CLOCK_MONOTONIC in microseconds, on Linux. Throws if the C library cannot be called. */
export function monotonicMicroseconds(): bigint {
  const library = Deno.dlopen("libc.so.6", {
    clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  });
  try {
    const time = new BigInt64Array(2);
    if (library.symbols.clock_gettime(clockMonotonic, time) !== 0) {
      throw new Error("clock_gettime: the clock must be readable");
    }
    const [seconds = 0n, nanoseconds = 0n] = time;
    return seconds * 1_000_000n + nanoseconds / 1000n;
  } finally {
    library.close();
  }
}
