/**
 * Ports for programs that cannot choose a free one themselves.
 *
 * @module
 */

/** A TCP port of 127.0.0.1 that nobody uses now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
