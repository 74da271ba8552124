/**
 * What a server needs that shares its queues. Loaded only by such a server.
 *
 * @module
 */

export { joinCluster } from "./cluster.ts";
export { openLink } from "./nats.ts";
