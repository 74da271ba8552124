import assert from "node:assert/strict";
import { createUnusableServers } from "../../src/app/unusable_servers.ts";

const apart = { connected: false };

function failureOf(server: string, lasting = true) {
  return { server, lasting, message: "" };
}

Deno.test("add() finds no hope when the last server that might do has failed for good", () => {
  const unusable = createUnusableServers(["a", "b"]);
  assert.equal(unusable.add(failureOf("a"), apart), false);
  assert.equal(unusable.add(failureOf("a"), apart), false);
  assert.equal(unusable.add(failureOf("b", false), apart), false);
  assert.equal(unusable.add(failureOf("b"), apart), true);
});

Deno.test("add() finds no hope in a failure that lasts over a connection", () => {
  const unusable = createUnusableServers(["a", "b"]);
  assert.equal(unusable.add(failureOf("a", false), { connected: true }), false);
  assert.equal(unusable.add(failureOf("a"), { connected: true }), true);
});

Deno.test("clear() gives each server another chance", () => {
  const unusable = createUnusableServers(["a", "b"]);
  unusable.add(failureOf("a"), apart);
  unusable.clear();
  assert.equal(unusable.add(failureOf("b"), apart), false);
});
