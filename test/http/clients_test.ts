import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { createClients } from "../../src/http/clients.ts";
import type { ClientAddress } from "../../src/isolate/messages.ts";

const here = { hostname: "192.0.2.1", port: 1 };
const leaver = { hostname: "192.0.2.1", port: 2 };

/** Clients of which one has disconnected; the test triggers each poll. */
function setUp() {
  const asked: (readonly ClientAddress[])[] = [];
  const looks: (() => void)[] = [];
  const clients = createClients((addresses) => {
    asked.push(addresses);
    return Promise.resolve(addresses.map((address) => address === leaver));
  }, (look) => {
    looks.push(look);
    return () => looks.splice(looks.indexOf(look), 1);
  });
  const look = async () => {
    assert.equal(looks.length, 1, "one look at a time");
    looks.shift()?.();
    // A look takes some microtasks; a macrotask comes after all of them.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clients, asked, looks, look };
}

Deno.test("watch() checks a client that was there at two polls, and reports its disconnect once", async () => {
  const { clients, asked, looks, look } = setUp();
  const told: string[] = [];
  const stays = clients.watch(() => here, () => told.push("stays"));
  using _leaves = clients.watch(() => leaver, () => told.push("leaves"));
  await look();
  assert.deepEqual(asked, []);
  await look();
  await look();
  assert.deepEqual(told, ["leaves"]);
  assert.deepEqual(asked, [[here, leaver], [here]]);
  stays[Symbol.dispose]();
  await look();
  assert.deepEqual(looks, [], "no client is left to poll for");
});

Deno.test("watch() reports nothing once it is disposed of, even during a poll", async () => {
  const { clients, look } = setUp();
  const watched = clients.watch(() => leaver, () => assert.fail("it was reported"));
  await look();
  const looking = look();
  watched[Symbol.dispose]();
  await looking;
});

Deno.test("watch() does not check a connection without an address", async () => {
  const { clients, asked, look } = setUp();
  using _unknown = clients.watch(() => undefined, () => assert.fail("it was reported"));
  using _known = clients.watch(() => here, () => assert.fail("it was reported"));
  await look();
  await look();
  assert.deepEqual(asked, [[here]]);
});

Deno.test("createClients() does not poll any more once it is disposed of", () => {
  const { clients, looks } = setUp();
  clients.watch(() => leaver, () => assert.fail("it was reported"));
  assert.equal(looks.length, 1);
  clients[Symbol.dispose]();
  assert.deepEqual(looks, []);
});
