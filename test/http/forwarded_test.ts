import assert from "node:assert/strict";
import { clientAddresses } from "../../src/http/forwarded.ts";

const addressOf = clientAddresses(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);

function client(peer: string | undefined, forwarded?: string): string | undefined {
  return addressOf(
    new Headers(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }),
    peer,
  );
}

Deno.test("clientAddresses() believes X-Forwarded-For only from a trusted proxy", () => {
  assert.equal(client("192.0.2.1", "198.51.100.7"), "192.0.2.1");
  assert.equal(client("127.0.0.1", "198.51.100.7"), "198.51.100.7");
  assert.equal(client("::ffff:127.0.0.1", "198.51.100.7"), "198.51.100.7");
  assert.equal(client("fd00::1", "2001:db8::1"), "2001:db8::1");
  assert.equal(client(undefined, "198.51.100.7"), undefined);
});

Deno.test("clientAddresses() finds the last address that is no trusted proxy, whatever the client wrote before it", () => {
  assert.equal(client("127.0.0.1", "10.1.1.1, 198.51.100.7, 10.0.0.2,10.0.0.3"), "198.51.100.7");
  assert.equal(client("127.0.0.1", "forged, 198.51.100.7"), "198.51.100.7");
  assert.equal(client("127.0.0.1", "10.0.0.9, 10.0.0.8"), "10.0.0.9", "all are trusted");
});

Deno.test("clientAddresses() without the header is the proxy itself", () => {
  assert.equal(client("127.0.0.1"), "127.0.0.1");
});

Deno.test("clientAddresses() reads ports and brackets, and nothing that is no address", () => {
  assert.equal(client("127.0.0.1", "198.51.100.7:1234"), "198.51.100.7");
  assert.equal(client("127.0.0.1", "[2001:db8::1]:1234"), "2001:db8::1");
  assert.equal(client("127.0.0.1", "[2001:db8::1]"), "2001:db8::1");
  for (const entry of ["unknown", "", "198.51.100.7, _hidden", "1.2.3", "[::1", "fe80::1%eth0 x"]) {
    assert.equal(client("127.0.0.1", entry), undefined, entry);
  }
});
