import assert from "node:assert/strict";
import { authority } from "../../src/config/authority.ts";

Deno.test("authority() puts brackets around IPv6 addresses only", () => {
  assert.equal(authority("::1", 8080), "[::1]:8080");
  assert.equal(authority("127.0.0.1", 0), "127.0.0.1:0");
  assert.equal(authority("jobs.example.com", 443), "jobs.example.com:443");
});
