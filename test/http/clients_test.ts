import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { createClients } from "../../src/http/clients.ts";
import type { ClientAddress } from "../../src/isolate/messages.ts";

const here = { hostname: "192.0.2.1", port: 1 };
const leaver = { hostname: "192.0.2.1", port: 2 };

/** Clients of which one has gone, looked at whenever the test says so. */
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

Deno.test("who was there at two looks is asked about; who has gone is told so once", async () => {
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
  assert.deepEqual(looks, [], "nobody is left to look at");
});

Deno.test("what was disposed of is not told, not even by a look that is under way", async () => {
  const { clients, look } = setUp();
  const watched = clients.watch(() => leaver, () => assert.fail("it was told"));
  await look();
  const looking = look();
  watched[Symbol.dispose]();
  await looking;
});

Deno.test("a connection without an address is not asked about", async () => {
  const { clients, asked, look } = setUp();
  using _unknown = clients.watch(() => undefined, () => assert.fail("it was told"));
  using _known = clients.watch(() => here, () => assert.fail("it was told"));
  await look();
  await look();
  assert.deepEqual(asked, [[here]]);
});

Deno.test("disposed of, it looks no more", () => {
  const { clients, looks } = setUp();
  clients.watch(() => leaver, () => assert.fail("it was told"));
  assert.equal(looks.length, 1);
  clients[Symbol.dispose]();
  assert.deepEqual(looks, []);
});
