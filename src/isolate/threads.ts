/**
 * Keeps threads of the runtime alive: it ends the process if it needs a thread and cannot get one.
 *
 * @module
 */

/** One thread may block in a write to a log that is not read; then the other one does the remaining work. */
const keptThreads = 2;

/** An idle thread ends after ten seconds (`thread_keep_alive` of tokio, on which the runtime is built). */
const everyMs = 4000;

/**
 * Keeps threads of this isolate alive until it is disposed of; it does not keep the process alive. Asynchronous work of the
 * runtime with files, host names and digests needs a thread of a pool that each isolate has for itself. With at least one
 * thread in the pool, work waits for it when the machine grants no more (`TasksMax=`, `--pids-limit`, `ulimit -u`); with
 * none, the runtime ends the whole process (seen on 2.7.11: SIGABRT, and 2.9.6: exit 1).
 */
export function keepThreads(): Disposable {
  const empty = new Uint8Array();
  /** A digest is computed in the pool and needs neither a permission nor a file. All start at once, so each takes a thread. */
  const useAll = () => {
    for (let index = 0; index < keptThreads; index++) void crypto.subtle.digest("SHA-256", empty);
  };
  useAll();
  const timer = setInterval(useAll, everyMs);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
