/**
 * The service isolate's entry: messages in, `app` started. It has no permission beyond what `permissions.ts` grants.
 *
 * @module
 */

import { type App, type Host, startApp } from "./app/app.ts";
import { markedIn } from "./isolate/busy.ts";
import type {
  ClientAddress,
  ProcessFigures,
  ServiceStart,
  ToMain,
  ToService,
  TreeRequest,
} from "./isolate/messages.ts";
import { StartError } from "./isolate/start_error.ts";
import { runProbes } from "./isolate/probes.ts";
import { keepThreads } from "./isolate/threads.ts";

const isolate = self as unknown as {
  addEventListener(
    type: "error" | "unhandledrejection",
    listener: (event: ErrorEvent & PromiseRejectionEvent) => void,
  ): void;
  onmessage: (event: MessageEvent<ToService>) => void;
  postMessage: (message: ToMain) => void;
};

let app: App | undefined;
const treesBeingEnded = new Map<number, () => void>();
let treesAsked = 0;

let measuring: PromiseWithResolvers<ProcessFigures> | undefined;
let mending: PromiseWithResolvers<string | undefined> | undefined;
let findingGone: PromiseWithResolvers<readonly boolean[]> | undefined;

/** Asks main, which alone may signal processes and look at its own. */
const host: Omit<Host, "during"> = {
  trees: {
    endTree: ({ pid, mark }) => ask({ pid, mark, holdersOnly: false }),
    endHolders: ({ pid, mark }) => ask({ pid, mark, holdersOnly: true }),
  },
  measureProcess() {
    if (!measuring) {
      measuring = Promise.withResolvers();
      isolate.postMessage({ type: "measure" });
    }
    return measuring.promise;
  },
  mend() {
    if (!mending) {
      mending = Promise.withResolvers();
      isolate.postMessage({ type: "mend" });
    }
    return mending.promise;
  },
  findGone(clients: readonly ClientAddress[]) {
    findingGone = Promise.withResolvers();
    isolate.postMessage({ type: "find_gone", clients });
    return findingGone.promise;
  },
};

function ask(tree: Omit<TreeRequest, "id">): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = ++treesAsked;
  treesBeingEnded.set(id, resolve);
  isolate.postMessage({ type: "end_tree", tree: { id, ...tree } });
  return promise;
}

async function start(message: ServiceStart, busy: SharedArrayBuffer): Promise<void> {
  keepThreads();
  try {
    app = await startApp(message, { ...host, during: markedIn(busy) });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    isolate.postMessage({ type: "failed", reason: error.message });
    return;
  }
  // An error that belongs to no request must not tear running jobs down with the isolate: it is logged, and main drains.
  let faulty = false;
  const onBug = (event: ErrorEvent & PromiseRejectionEvent) => {
    event.preventDefault();
    app?.reportBug(event.reason ?? event.error);
    if (!faulty) isolate.postMessage({ type: "faulty" });
    faulty = true;
  };
  isolate.addEventListener("error", onBug);
  isolate.addEventListener("unhandledrejection", onBug);
  isolate.postMessage({ type: "listening", url: app.url });
}

isolate.onmessage = async ({ data: message }) => {
  switch (message.type) {
    case "start":
      return await start(message.start, message.busy);
    case "probe":
      return isolate.postMessage({ type: "probed", probes: await runProbes(message.start) });
    case "drain":
      return isolate.postMessage({ type: "drained", answersGivenUp: await app?.drain() ?? 0 });
    case "cut":
      return isolate.postMessage({ type: "cut", ...(app?.cut() ?? { running: 0, waiting: 0 }) });
    case "tree_ended":
      treesBeingEnded.get(message.id)?.();
      treesBeingEnded.delete(message.id);
      return;
    case "measured":
      measuring?.resolve(message.figures);
      measuring = undefined;
      return;
    case "mended":
      mending?.resolve(message.problem);
      mending = undefined;
      return;
    case "clients_gone":
      findingGone?.resolve(message.gone);
      return;
    case "ping":
      return isolate.postMessage({ type: "pong" });
  }
};
