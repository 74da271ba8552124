/**
 * Bugs that belong to no request.
 *
 * @module
 */

/**
 * From now on an error that nobody in this isolate has caught does not end it, with the jobs that run: each is reported, and
 * the first is announced.
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
