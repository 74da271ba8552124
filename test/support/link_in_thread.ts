/**
 * Connects to NATS in a thread that may do nothing else, as the service does.
 *
 * @module
 */

import type { LinkFailure, LinkSettings } from "../../src/cluster/nats.ts";

/**
 * Connects with nothing but the permission for these servers. Resolves with the first failure, or with undefined after a connection.
 * Rejects if the thread had an uncaught error.
 */
export async function connectInThread(settings: LinkSettings): Promise<LinkFailure | undefined> {
  const thread = new Worker(new URL("./link_thread.ts", import.meta.url), {
    type: "module",
    deno: {
      permissions: {
        net: [...settings.servers],
        env: false,
        ffi: false,
        import: false,
        read: false,
        run: false,
        sys: false,
        write: false,
      },
    },
  });
  try {
    return await new Promise((resolve, reject) => {
      thread.onmessage = ({ data: [failure] }) => resolve(failure);
      thread.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      thread.postMessage(settings);
    });
  } finally {
    thread.terminate();
  }
}
