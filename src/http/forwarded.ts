/**
 * The address of a client behind proxies.
 *
 * @module
 */

import { isIP } from "node:net";
import { networksOf } from "../wire/networks.ts";

/** Returns the address of the client that sends a request; undefined if it cannot be known. */
export type ClientAddressOf = (headers: Headers, peer: string | undefined) => string | undefined;

/** In the list of trusted proxies: everybody who connects to the unix socket, where connections have no address. */
const socketWord = "unix";

/**
 * Creates a function that finds out the address of the client. `peer` is the other end of the connection. If that is one of the
 * trusted proxies, the header X-Forwarded-For decides: each proxy has added the address of its own client, so the last address
 * that is not a trusted proxy's is the client's. The client may have made up what stands before it. If an entry that decides is
 * not an address, the client's is not known.
 *
 * With `bySocket` all connections come through a unix socket: they have no address, and are trusted if `unix` is in the list.
 */
export function clientAddresses(
  trustedProxies: readonly string[],
  bySocket = false,
): ClientAddressOf {
  const trusted = networksOf(trustedProxies);
  const trustsSocket = bySocket && trustedProxies.includes(socketWord);
  return (headers, peer) => {
    if (!(peer === undefined ? trustsSocket : trusted.has(peer))) return peer;
    const entries = headers.get("x-forwarded-for")?.split(",") ?? [];
    let client = peer;
    for (const entry of entries.reverse()) {
      client = addressIn(entry.trim());
      if (client === undefined || !trusted.has(client)) return client;
    }
    return client;
  };
}

/**
 * The address in an entry, which may have a port, and brackets around an IPv6 address; undefined for anything else. An address
 * with a zone is none: a zone means something only on the proxy's machine, and could have any length.
 */
function addressIn(entry: string): string | undefined {
  const inBrackets = /^\[([\da-f:.]+)\](?::\d+)?$/i.exec(entry)?.[1];
  const beforePort = /^([\d.]+):\d+$/.exec(entry)?.[1];
  const address = inBrackets ?? beforePort ?? entry;
  return isIP(address) === 0 || address.includes("%") ? undefined : address;
}
