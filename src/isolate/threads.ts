/**
 * Threads of the runtime that are always there: it ends when it needs one and can have none.
 *
 * @module
 */

/**
 * One thread may stand still in a write of the log that nobody reads; another one then still does what there is to do.
 */
const keptThreads = 2;

/** An idle thread leaves after ten seconds (`thread_keep_alive` of tokio, which the runtime is built on). */
const everyMs = 4000;

/**
 * Keeps threads of this isolate alive until it is disposed of; it keeps no process alive. Whatever the runtime does
 * asynchronously with files, names of hosts and digests needs a thread of a pool that each isolate has for itself. With at least
 * one thread in the pool, work waits for it when the machine grants no more (`TasksMax=`, `--pids-limit`, `ulimit -u`); with
 * none, the runtime ends the whole process (seen on 2.7.11: SIGABRT, and 2.9.6: exit 1).
 */
export function keepThreads(): Disposable {
  const empty = new Uint8Array();
  /** A digest is done by the pool and needs neither a permission nor a file. All at once, so that each takes a thread. */
  const useAll = () => {
    for (let index = 0; index < keptThreads; index++) void crypto.subtle.digest("SHA-256", empty);
  };
  useAll();
  const timer = setInterval(useAll, everyMs);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
