import assert from "node:assert/strict";
import type { LinkTrouble } from "../../src/cluster/link.ts";
import { LinkError } from "../../src/cluster/link.ts";
import { createRequests } from "../../src/cluster/requests.ts";

const noData = new Uint8Array();

/** Requests whose messages are kept. */
function opened() {
  const requests = createRequests("_INBOX.x");
  const sent: { readonly subject: string; readonly reply: string }[] = [];
  return {
    requests,
    sent,
    ask: (subject: string, timeoutMs = 60_000) =>
      requests.ask(subject, timeoutMs, (subject, reply) => void sent.push({ subject, reply })),
    /** The answer to the request with this number, from 0. */
    answer(number: number, status = 0, data = noData) {
      const { reply = "" } = sent[number] ?? {};
      requests.received({ subject: reply, reply: "", data, status });
    },
  };
}

function rejects(asked: Promise<unknown>, trouble: LinkTrouble, message: RegExp): Promise<void> {
  return assert.rejects(asked, { name: "LinkError", trouble, message });
}

Deno.test("ask() resolves with the answer to its own message, in whatever order answers come", async () => {
  const { requests, sent, ask, answer } = opened();
  const asked = [ask("a"), ask("b")];
  assert.deepEqual(sent.map(({ subject }) => subject), ["a", "b"]);
  assert.equal(new Set(sent.map(({ reply }) => reply)).size, 2);
  for (const { reply } of sent) assert.match(reply, /^_INBOX\.x\.\w+$/);
  assert.equal(requests.answers, "_INBOX.x.*");
  answer(1, 0, Uint8Array.of(2));
  answer(0, 0, Uint8Array.of(1));
  assert.deepEqual(await Promise.all(asked), [Uint8Array.of(1), Uint8Array.of(2)]);
});

Deno.test("ask() rejects when nobody listens, when no answer comes in time, and when the connection is lost", async () => {
  const { requests, ask, answer } = opened();
  const unheard = ask("a");
  answer(0, 503);
  await rejects(unheard, "no_responders", /nobody listens on a/);
  await rejects(ask("b", 1), "unavailable", /no answer on b: within 1 ms/);
  const lost = ask("c");
  requests.lost();
  await rejects(lost, "unavailable", /no answer on c: the connection was lost/);
});

Deno.test("ask() rejects with the error of a message that cannot be sent", async () => {
  const error = new LinkError("refused", "too large");
  const asked = createRequests("x").ask("a", 60_000, () => {
    throw error;
  });
  assert.equal(await asked.catch((error) => error), error);
});

Deno.test("refused() fails the requests on that subject only", async () => {
  const { requests, ask, answer } = opened();
  const refused = ask("a");
  const other = ask("b");
  requests.refused("a");
  await rejects(refused, "refused", /may not publish to a/);
  answer(1);
  assert.deepEqual(await other, noData);
});

Deno.test("received() ignores an answer that comes twice, or too late", async () => {
  const { ask, answer } = opened();
  const asked = ask("a");
  answer(0, 0, Uint8Array.of(1));
  answer(0, 503);
  assert.deepEqual(await asked, Uint8Array.of(1));
});
