import assert from "node:assert/strict";
import { isNetwork, networksOf } from "../../src/wire/networks.ts";

Deno.test("isNetwork() accepts addresses and networks in CIDR notation, and nothing else", () => {
  for (
    const text of [
      "10.0.0.0/8",
      "0.0.0.0/0",
      "192.0.2.1",
      "192.0.2.1/32",
      "::/0",
      "2001:db8::/32",
      "::1/128",
    ]
  ) {
    assert.ok(isNetwork(text), text);
  }
  const wrong = [
    "",
    "x",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0.0/8",
    "::/129",
    "fe80::1%eth0",
    "1.2.3.4/8/8",
    "[::1]",
    "1.2.3.4/a",
    " 1.2.3.4",
  ];
  for (const text of wrong) assert.ok(!isNetwork(text), text);
});

Deno.test("networksOf() finds addresses in any of the networks, in both families", () => {
  const networks = networksOf(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
  for (const inside of ["10.255.0.1", "::ffff:10.0.0.1", "192.0.2.7", "2001:db8:1::5"]) {
    assert.ok(networks.has(inside), inside);
  }
  for (const outside of ["11.0.0.1", "192.0.2.8", "2001:db9::1", "", "localhost", "::a00:1"]) {
    assert.ok(!networks.has(outside), outside);
  }
  assert.ok(!networksOf([]).has("127.0.0.1"));
  assert.ok(networksOf(["0.0.0.0/0"]).has("203.0.113.9"));
});
