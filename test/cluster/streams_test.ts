import assert from "node:assert/strict";
import { createStreams } from "../../src/cluster/streams.ts";

/** The part of a link that is about streams, with a server that answers every question with this. */
function answering(answer: unknown) {
  const data = new TextEncoder().encode(JSON.stringify(answer));
  return createStreams(() => Promise.resolve(data), () => true);
}

const config = { max_msgs: 7 };

Deno.test("size() rejects with not_found if the stream has no consumer, as if it did not exist itself", async () => {
  const streams = answering({ config, state: { messages: 3, consumer_count: 1 } });
  assert.deepEqual(await streams.size("s"), { messages: 3, maxMessages: 7 });
  const lost = answering({ config, state: { messages: 3, consumer_count: 0 } });
  await assert.rejects(lost.size("s"), { trouble: "not_found" });
});

Deno.test("an answer that is no object is refused", async () => {
  await assert.rejects(answering(null).size("s"), { trouble: "refused" });
});
