/**
 * Which clients have disconnected, according to /proc/net/tcp.
 *
 * @module
 */

import type { ClientAddress } from "../isolate/messages.ts";

/** Connection states of Linux (include/net/tcp_states.h) as they are written in /proc/net/tcp. */
const established = "01";
const listening = "0A";

/** The texts of /proc/net/tcp and /proc/net/tcp6; undefined if they cannot be read. */
export type Tables = readonly string[] | undefined;

/**
 * Reports for each client whether it has disconnected: it closed its end, or the connection no longer exists. All false if
 * the tables cannot be read (not Linux, a hidden /proc, no free file descriptor). The tables are not an atomic snapshot, so
 * two reads must agree.
 */
export function clientsGone(
  clients: readonly ClientAddress[],
  look: () => Tables = readTables,
): readonly boolean[] {
  const first = missingIn(look(), clients);
  if (!first.includes(true)) return first;
  const second = missingIn(look(), clients);
  return first.map((missing, index) => missing && second[index] === true);
}

function missingIn(tables: Tables, clients: readonly ClientAddress[]): readonly boolean[] {
  const open = new Set<string>();
  let trustworthy = false;
  for (const line of (tables ?? []).flatMap((table) => table.split("\n"))) {
    const [, , remote = "", state] = line.trim().split(/\s+/);
    // The server is listening, so tables without a listener are incomplete.
    if (state === listening) trustworthy = true;
    if (state === established) open.add(endpointOf(remote));
  }
  return clients.map(({ hostname, port }) =>
    trustworthy && !open.has(`${canonical(hostname)} ${port}`)
  );
}

function readTables(): Tables {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return [Deno.readTextFileSync("/proc/net/tcp"), ipv6Table()];
  } catch {
    return undefined;
  }
}

/** Empty without IPv6, where the file does not exist. Other errors are thrown: a partial table must not look complete. */
function ipv6Table(): string {
  try {
    return Deno.readTextFileSync("/proc/net/tcp6");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** From `0100007F:1F90` to `127.0.0.1 8080`: 32-bit words in the machine's byte order, the port in hexadecimal. */
function endpointOf(text: string): string {
  const [address = "", port = ""] = text.split(":");
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).map((byte) => parseInt(byte, 16)).reverse()
  );
  return `${canonical(textOf(bytes))} ${parseInt(port, 16)}`;
}

function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return (hex.match(/.{4}/g) ?? []).join(":");
}

/** One spelling for each address; an IPv4-mapped IPv6 address becomes the IPv4 address. */
function canonical(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const address = URL.parse(`http://[${hostname}]/`)?.hostname ?? hostname;
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].map((word) => parseInt(word, 16)).flatMap((word) => [word >> 8, word & 255])
    .join(".");
}
