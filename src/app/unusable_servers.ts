/**
 * The NATS servers that can never be used with these settings. One that can is enough.
 *
 * @module
 */

import type { Link, LinkFailure } from "../cluster/entry.ts";

/** See the module's head. */
export interface UnusableServers {
  /** Takes in a failure of this connection. Returns whether it is certain now that the queue can never be shared. */
  add(failure: LinkFailure, link: Pick<Link, "connected">): boolean;
  /** There is a connection: servers may have been mended meanwhile. */
  clear(): void;
}

/** None of these servers has been tried. */
export function createUnusableServers(servers: readonly string[]): UnusableServers {
  const unusable = new Set<string>();
  return {
    add({ server, lasting }, { connected }) {
      if (!lasting) return false;
      unusable.add(server);
      // What fails over a connection is a matter of the user's rights, which are the same on another server.
      return connected || servers.every((each) => unusable.has(each));
    },
    clear: () => unusable.clear(),
  };
}
