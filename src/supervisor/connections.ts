/**
 * Which clients have gone, by the kernel's word.
 *
 * @module
 */

import type { ClientAddress } from "../messages.ts";

/** Connection states of Linux (include/net/tcp_states.h) as /proc/net/tcp has them. */
const established = "01";
const listening = "0A";

/**
 * For each client whether its connection has gone: the client has closed its end, or there is no such connection any
 * more. All false where the kernel does not tell (other systems than Linux, a hidden /proc). `tables` are the texts of
 * /proc/net/tcp and /proc/net/tcp6.
 */
export function clientsGone(
  clients: readonly ClientAddress[],
  tables: readonly string[] = readTables(),
): readonly boolean[] {
  const open = new Set<string>();
  let trustworthy = false;
  for (const line of tables.flatMap((table) => table.split("\n"))) {
    const [, , remote = "", state] = line.trim().split(/\s+/);
    // We listen ourselves, so a table without a listener is not the whole truth.
    if (state === listening) trustworthy = true;
    if (state === established) open.add(endpointOf(remote));
  }
  return clients.map(({ hostname, port }) =>
    trustworthy && !open.has(`${canonical(hostname)} ${port}`)
  );
}

function readTables(): string[] {
  if (Deno.build.os !== "linux") return [];
  return ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      // Without IPv6 there is no second table.
      return "";
    }
  });
}

/** From `0100007F:1F90` to `127.0.0.1 8080`: words of 32 bits in the machine's byte order, the port in hexadecimal. */
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

/** One spelling for each address; an IPv4 address that IPv6 carries is the IPv4 address. */
function canonical(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const address = URL.parse(`http://[${hostname}]/`)?.hostname ?? hostname;
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].map((word) => parseInt(word, 16)).flatMap((word) => [word >> 8, word & 255])
    .join(".");
}
