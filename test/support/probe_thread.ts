/**
 * The thread of `probe.ts`.
 *
 * @module
 */

/** What the thread is told: whom to ask, or to stop. */
type Order = { readonly url: string; readonly everyMs: number } | "stop";

const thread = self as unknown as {
  onmessage: (message: MessageEvent<Order>) => void;
  postMessage(times: readonly number[]): void;
};

const asking: Promise<number>[] = [];
let timer: ReturnType<typeof setInterval>;

async function ask(url: string): Promise<number> {
  const begun = performance.now();
  const response = await fetch(url);
  await response.text();
  return performance.now() - begun;
}

thread.onmessage = async ({ data }) => {
  if (data === "stop") {
    clearInterval(timer);
    thread.postMessage(await Promise.all(asking));
    return;
  }
  const { url, everyMs } = data;
  // The first answer also takes the time of the thread's own start.
  await ask(url);
  const askAgain = () => asking.push(ask(url));
  askAgain();
  timer = setInterval(askAgain, everyMs);
  thread.postMessage([]);
};
