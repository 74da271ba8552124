/** Bodies as the runtime's own server passes them. */

import assert from "node:assert/strict";
import { createActivity } from "../../../src/http/activity.ts";
import { createBuffers } from "../../../src/http/body/buffers.ts";
import { readBodyToDisk } from "../../../src/http/body/file.ts";
import { isForm, readFormToDisk } from "../../../src/http/body/form.ts";
import { byHand } from "../../support/deadlines.ts";
import { diskShare, inboxInMemory } from "../../support/inbox.ts";

type Outcome = Awaited<ReturnType<typeof readBodyToDisk | typeof readFormToDisk>>;

/** A server that stores the body of each request, and answers with the refusal, if there is one. */
function serve() {
  const { inbox, files } = inboxInMemory();
  const first = Promise.withResolvers<Outcome>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const read = isForm(request.headers.get("content-type")) ? readFormToDisk : readBodyToDisk;
      const outcome = await read(
        request,
        {
          maxBytes: Infinity,
          periods: byHand(1000),
          cut: new AbortController().signal,
          uploads: createActivity(),
        },
        createBuffers(Infinity).open(),
        { inbox, disk: diskShare() },
      );
      first.resolve(outcome);
      return new Response(outcome.ok ? "" : outcome.refusal);
    },
  );
  return {
    port: server.addr.port,
    url: `http://127.0.0.1:${server.addr.port}/`,
    files,
    outcome: first.promise,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const long = crypto.getRandomValues(new Uint8Array(65_536));
const body = new Uint8Array(5_000_000).map((_, at) => long[at % 65_521] ?? 0);

async function post(url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, { method: "POST", ...init });
  return await response.text();
}

Deno.test("readBodyToDisk() stores a body of a known and of an unknown length", async () => {
  const pieces = () => ReadableStream.from([body.subarray(0, 2_000_000), body.subarray(2_000_000)]);
  for (const make of [() => body, pieces]) {
    await using server = serve();
    assert.equal(await post(server.url, { body: make() }), "");
    assert.deepEqual(await server.outcome, { ok: true, length: body.length });
    assert.deepEqual(server.files.get("body"), body);
  }
});

Deno.test("readBodyToDisk() stores an empty body, and the body of a request without one", async () => {
  for (const init of [{ body: "" }, {}]) {
    await using server = serve();
    assert.equal(await post(server.url, init), "");
    assert.equal(server.files.get("body")?.length, 0);
  }
});

Deno.test("readFormToDisk() stores a form with a long and a short file", async () => {
  await using server = serve();
  const form = new FormData();
  form.append("long", new File([body], "long.bin"));
  form.append("field", "value");
  form.append("short", new File(["short"], "short.txt"));
  assert.equal(await post(server.url, { body: form }), "");
  assert.deepEqual(server.files.get("001"), body);
  assert.equal(new TextDecoder().decode(server.files.get("002")), "short");
  const outcome = await server.outcome;
  assert.ok("list" in outcome);
  const rows = JSON.parse(outcome.list) as readonly { readonly name: string }[];
  assert.deepEqual(rows.map(({ name }) => name), ["long", "field", "short"]);
});

Deno.test("readBodyToDisk() and readFormToDisk() report a client that disconnects within the body", async () => {
  const types = ["application/octet-stream", "multipart/form-data; boundary=B"];
  for (const length of [1000, 1_000_000]) {
    for (const type of types) {
      await using server = serve();
      const client = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      const head =
        `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${length}`;
      await client.write(new TextEncoder().encode(`${head}\r\n\r\n--B\r\n`));
      client.close();
      assert.deepEqual(await server.outcome, { ok: false, refusal: "client_gone" });
      assert.equal(server.files.size, 0);
    }
  }
});
