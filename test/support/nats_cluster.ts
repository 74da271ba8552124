/**
 * Three real nats-servers that keep streams together.
 *
 * @module
 */

import type { Link } from "../../src/cluster/link.ts";
import { type NatsServer, startNatsServer } from "./nats_server.ts";
import { freePort } from "./port.ts";

/** The servers; disposing of it kills them. */
export interface NatsCluster extends AsyncDisposable {
  /** Where each of them accepts connections. */
  readonly addresses: readonly string[];
  /** The server that leads this stream. Rejects with a `LinkError` while there is none. */
  leaderOf(stream: string, link: Link): Promise<NatsServer>;
}

const names = ["one", "two", "three"];

/** Starts the servers. They choose a leader some time later. */
export async function startNatsCluster(): Promise<NatsCluster> {
  await using stack = new AsyncDisposableStack();
  const routes = names.map(() => `127.0.0.1:${freePort()}`);
  const urls = routes.map((route) => `"nats://${route}"`).join();
  const servers = new Map<string, NatsServer>();
  for (const [index, name] of names.entries()) {
    const config = `server_name: "${name}"
      cluster { name: "test", listen: "${routes[index]}", routes: [${urls}] }`;
    servers.set(name, stack.use(await startNatsServer({ config })));
  }
  const owned = stack.move();
  return {
    addresses: [...servers.values()].map(({ address }) => address),
    async leaderOf(stream, link) {
      const answer = await link.request(`$JS.API.STREAM.INFO.${stream}`, new Uint8Array(), 5000);
      const { cluster } = JSON.parse(new TextDecoder().decode(answer));
      const server = servers.get(cluster.leader);
      if (!server) throw new Error(`${stream} has no leader`);
      return server;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
