/**
 * The address of a client behind proxies.
 *
 * @module
 */

import { isIP } from "node:net";
import { networksOf } from "../wire/networks.ts";

/** Returns the address of the client that sends a request; undefined if it cannot be known. */
export type ClientAddressOf = (headers: Headers, peer: string | undefined) => string | undefined;

/**
 * Creates a function that finds out the address of the client. `peer` is the other end of the connection. If that is one of the
 * trusted proxies, the header X-Forwarded-For decides: each proxy has added the address that it was connected from, so the
 * client is the last one in it that is not a trusted proxy itself. What stands before that, the client may have made up.
 */
export function clientAddresses(trustedProxies: readonly string[]): ClientAddressOf {
  const trusted = networksOf(trustedProxies);
  return (headers, peer) => {
    if (peer === undefined || !trusted.has(peer)) return peer;
    const given = headers.get("x-forwarded-for");
    let client: string | undefined = peer;
    for (const entry of given?.split(",").reverse() ?? []) {
      client = addressIn(entry.trim());
      if (client === undefined || !trusted.has(client)) return client;
    }
    return client;
  };
}

/** The address in an entry, which may have a port, and brackets around an IPv6 address; undefined for anything else. */
function addressIn(entry: string): string | undefined {
  const inBrackets = /^\[([\da-f:.]+)\](?::\d+)?$/i.exec(entry)?.[1];
  const beforePort = /^([\d.]+):\d+$/.exec(entry)?.[1];
  const address = inBrackets ?? beforePort ?? entry;
  return isIP(address) === 0 ? undefined : address;
}
