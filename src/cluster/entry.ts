/**
 * What a server needs that shares its queues. Loaded only by such a server.
 *
 * @module
 */

export { joinCluster } from "./cluster.ts";
export type { Link } from "./link.ts";
export { type LinkFailure, type LinkSettings, openLink } from "./nats.ts";
export { type SeenNode, type Sight, visit } from "./visit.ts";
