/**
 * Measures how quickly a server answers others while a test keeps it busy.
 *
 * @module
 */

/** Times of the answers in milliseconds, from the request to the whole answer. */
export interface Answered {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A measurement that goes on. */
export interface Probe extends Disposable {
  /** Ends it; resolves with the times of all requests. */
  stop(): Promise<Answered>;
}

/** How often the probe asks, in milliseconds. */
const everyMs = 20;

/** Asks for `/status` every 20 ms, also while earlier answers are missing, in a thread of its own. Resolves when it has begun. */
export async function startProbe(url: string): Promise<Probe> {
  const thread = new Worker(new URL("./probe_thread.ts", import.meta.url), { type: "module" });
  const told = (order: unknown) =>
    new Promise<number[]>((resolve, reject) => {
      thread.onmessage = ({ data }) => resolve(data);
      thread.onerror = ({ message }) => reject(new Error(message));
      thread.postMessage(order);
    });
  await told({ url: `${url}/status`, everyMs });
  return {
    async stop() {
      const times = await told("stop");
      thread.terminate();
      times.sort((one, other) => one - other);
      const at = (part: number) =>
        Math.round((times[Math.ceil(part * times.length) - 1] ?? NaN) * 10) / 10;
      return { count: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
    },
    [Symbol.dispose]: () => thread.terminate(),
  };
}
