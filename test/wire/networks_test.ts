import assert from "node:assert/strict";
import { isNetwork, networksOf } from "../../src/wire/networks.ts";

Deno.test("isNetwork() accepts an IP address, alone or with the bits of a prefix, and nothing else", () => {
  for (
    const right of [
      "10.0.0.0/8",
      "10.0.0.7",
      "10.0.0.7/8",
      "0.0.0.0/0",
      "10.0.0.7/32",
      "2001:db8::/33",
      "2001:DB8::1",
      "::/0",
      "::1/128",
      "::ffff:10.0.0.0/104",
    ]
  ) assert.ok(isNetwork(right), right);
  for (
    const wrong of [
      "",
      "/8",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/08",
      "10.0.0.0/-1",
      "10.0.0.0/1e1",
      "10.0.0.0/8/8",
      "10.0.0.0/255.0.0.0",
      "10.0.0",
      "10.0.0.*",
      "010.0.0.1",
      " 10.0.0.1",
      "::1/129",
      "[::1]",
      "fe80::1%eth0",
      "fe80::1%eth0/64",
      "localhost",
    ]
  ) assert.ok(!isNetwork(wrong), wrong);
});

Deno.test("networksOf().has() compares the bits of the prefix, or all of an address without one", () => {
  for (
    const [network, inside, outside] of [
      ["10.0.0.0/8", "10.255.0.1", "11.0.0.1"],
      ["10.0.0.7/8", "10.9.9.9", "9.9.9.9"],
      ["10.0.0.7", "10.0.0.7", "10.0.0.8"],
      ["128.0.0.0/1", "200.0.0.1", "127.0.0.1"],
      ["10.0.0.0/31", "10.0.0.1", "10.0.0.2"],
      ["0.0.0.0/0", "203.0.113.7", "::1"],
      ["::/0", "2001:db8::1", "10.0.0.1"],
      ["2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"],
      ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:db8::2"],
      ["fe80::/10", "fe80::1", "fe80::1%eth0"],
      ["::1", "::1", "[::1]"],
    ] as const
  ) {
    const { has } = networksOf([network]);
    assert.ok(has(inside), `${inside} in ${network}`);
    assert.ok(!has(outside), `${outside} in ${network}`);
  }
});

Deno.test("networksOf().has() takes an IPv4 address and the same written as one of IPv6 for the same", () => {
  for (const network of ["10.0.0.0/8", "::ffff:10.0.0.0/104"]) {
    const { has } = networksOf([network]);
    for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "::ffff:a01:203"]) {
      assert.ok(has(address), `${address} in ${network}`);
    }
    assert.ok(!has("::ffff:11.1.2.3"));
  }
});

Deno.test("networksOf().has() looks in every network, and finds nothing in none", () => {
  const { has } = networksOf(["192.0.2.0/24", "2001:db8::/32"]);
  assert.ok(has("192.0.2.9") && has("2001:db8::9"));
  for (const address of ["", "x", "198.51.100.1"]) {
    assert.ok(!has(address), address);
    assert.ok(!networksOf([]).has(address), address);
  }
});
