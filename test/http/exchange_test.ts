import assert from "node:assert/strict";
import { setUp } from "../support/routes.ts";

Deno.test("X-Request-Id is kept if it is short and safe, else generated; it is echoed and logged", async () => {
  const { post, log } = setUp();
  const idOf = async (given?: string) =>
    (await post("{}", given === undefined ? {} : { "x-request-id": given })).headers.get(
      "x-request-id",
    );
  assert.equal(await idOf("Abc-1_2="), "Abc-1_2=");
  assert.equal(log.at(-1)?.[1]?.["request_id"], "Abc-1_2=");
  for (const unsafe of [undefined, "", "a b", "a;b", "x".repeat(129)]) {
    const made = await idOf(unsafe);
    assert.match(made ?? "", /^[0-9a-f-]{36}$/, unsafe);
    assert.equal(log.at(-1)?.[1]?.["request_id"], made);
  }
});
