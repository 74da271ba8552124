/**
 * Ports of this machine.
 *
 * @module
 */

/** A port of 127.0.0.1 that is free now: a program may take it, and until then nothing listens there. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
