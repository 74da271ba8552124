/**
 * Uncaught errors that belong to no request.
 *
 * @module
 */

/**
 * Keeps uncaught errors from ending this isolate and its running jobs: `report` is called for each, `onFirst` after the
 * first.
 */
export function catchBugs(report: (bug: unknown) => void, onFirst: () => void): void {
  let announced = false;
  const onBug = (event: ErrorEvent | PromiseRejectionEvent) => {
    event.preventDefault();
    report("reason" in event ? event.reason : event.error);
    if (!announced) onFirst();
    announced = true;
  };
  globalThis.addEventListener("error", onBug);
  globalThis.addEventListener("unhandledrejection", onBug);
}
