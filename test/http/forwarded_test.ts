import assert from "node:assert/strict";
import { clientAddresses } from "../../src/http/forwarded.ts";
import { setUp } from "../support/routes.ts";

const proxy = "10.0.0.1";

Deno.test("clientAddresses() reads X-Forwarded-For from its end, up to the first address that is not a trusted proxy's", () => {
  const addressOf = clientAddresses(["10.0.0.0/8", "2001:db8::5"]);
  const cases: readonly [given: string | undefined, client: string | undefined, peer?: string][] = [
    [undefined, proxy],
    ["203.0.113.7", "203.0.113.7"],
    ["198.51.100.1, 203.0.113.7", "203.0.113.7"],
    ["198.51.100.1,203.0.113.7 , 10.0.0.2", "203.0.113.7"],
    ["203.0.113.7, 2001:db8::5", "203.0.113.7"],
    ["10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["2001:db8::7", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["203.0.113.7:4711", "203.0.113.7"],
    // Of an entry that is not an address nobody knows whose it is.
    ["", undefined],
    ["unknown", undefined],
    ["203.0.113.7, unix:", undefined],
    ["203.0.113.7, ", undefined],
    ["203.0.113.7, x, 10.0.0.2", undefined],
    ["203.0.113.700", undefined],
    ["[203.0.113.7", undefined],
    // The proxies behind a client that is not trusted are not, either.
    ["10.0.0.3, 203.0.113.7", "203.0.113.7"],
    ["198.51.100.1", "203.0.113.7", "203.0.113.7"],
    [undefined, "203.0.113.7", "203.0.113.7"],
    ["198.51.100.1", "198.51.100.1", `::ffff:${proxy}`],
  ];
  for (const [given, client, peer = proxy] of cases) {
    const headers = new Headers(given === undefined ? {} : { "x-forwarded-for": given });
    assert.equal(addressOf(headers, peer), client, `${given} from ${peer}`);
  }
  assert.equal(addressOf(new Headers({ "x-forwarded-for": "198.51.100.1" }), undefined), undefined);
});

Deno.test("clientAddresses() reads several X-Forwarded-For headers as one", () => {
  const headers = new Headers([
    ["x-forwarded-for", "198.51.100.1"],
    ["x-forwarded-for", "203.0.113.7"],
  ]);
  assert.equal(clientAddresses([proxy])(headers, proxy), "203.0.113.7");
});

Deno.test("a log line has the client's address and, only behind a trusted proxy, that of the proxy", async () => {
  const addressesIn = async (trustedProxies: string[] | undefined, forwardedFor: string) => {
    const { fetch, log } = setUp(trustedProxies ? { trustedProxies } : {});
    const request = new Request("http://localhost/nowhere", {
      headers: { "x-forwarded-for": forwardedFor },
    });
    const remoteAddr = { transport: "tcp", hostname: proxy, port: 4711 } as const;
    await fetch(request, { remoteAddr });
    const fields = log[0]?.[1] ?? {};
    return ["client.address", "network.peer.address"].map((name) => fields[name]);
  };
  assert.deepEqual(await addressesIn(undefined, "203.0.113.7"), [proxy, undefined]);
  assert.deepEqual(await addressesIn(["192.0.2.1"], "203.0.113.7"), [proxy, undefined]);
  assert.deepEqual(await addressesIn([proxy], "203.0.113.7"), ["203.0.113.7", proxy]);
  assert.deepEqual(await addressesIn([proxy], "unknown"), [undefined, proxy]);
});

Deno.test("clientAddresses() takes no zone from the header, since that may be of any length", () => {
  const addressOf = clientAddresses([proxy]);
  for (const zone of ["eth0", "a".repeat(10_000)]) {
    for (const given of [`fe80::1%${zone}`, `[fe80::1%${zone}]:80`]) {
      assert.equal(addressOf(new Headers({ "x-forwarded-for": given }), proxy), undefined);
    }
  }
});

Deno.test("clientAddresses() reads X-Forwarded-For of a unix socket only if unix is trusted", () => {
  const from = (trusted: string[], forwardedFor?: string) =>
    clientAddresses(trusted, true)(
      new Headers(forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor }),
      undefined,
    );
  const trusted = ["10.0.0.0/8", "unix"];
  assert.equal(from(trusted, "198.51.100.1, 203.0.113.7, 10.0.0.2"), "203.0.113.7");
  assert.equal(from(trusted, "10.0.0.3"), "10.0.0.3");
  assert.equal(from(trusted, "unix"), undefined);
  assert.equal(from(trusted), undefined);
  assert.equal(from(["10.0.0.0/8"], "203.0.113.7"), undefined);
  // A connection of the network whose address is not known any more.
  const headers = new Headers({ "x-forwarded-for": "203.0.113.7" });
  assert.equal(clientAddresses(["unix"])(headers, undefined), undefined);
});
