/** The connection to NATS, as far as it needs no real server; the rest is in `test/e2e/cluster_link.ts`. */

import assert from "node:assert/strict";
import { greetingOf, startFakeNats } from "../support/fake_nats.ts";
import { connected, openReportingLink } from "../support/nats_links.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";

Deno.test("openLink() uses servers from version 2.10 on", async () => {
  for (const version of ["2.10.0", "2.15.1", "2.11.0-RC.1", "3.0.0"]) {
    await using server = startFakeNats(greetingOf(version));
    await using opened = openReportingLink(server.address);
    await connected(opened.link);
    assert.equal(opened.link.serverVersion, version);
    assert.equal(opened.link.maxPayload, 1024);
    assert.deepEqual(opened.failures, []);
  }
});

Deno.test("openLink() refuses older servers, and what does not speak NATS, for good", async () => {
  const greetings = {
    [greetingOf("2.9.10")]: "nats-server 2.9.10: must be 2.10 or newer",
    [greetingOf("1.4.1")]: "nats-server 1.4.1: must be 2.10 or newer",
    "HTTP/1.1 400 Bad Request\r\n\r\n": "it does not speak NATS",
    "INFO nothing\r\n": "it does not speak NATS",
  };
  for (const [greeting, what] of Object.entries(greetings)) {
    await using server = startFakeNats(greeting);
    await using opened = openReportingLink(server.address);
    await eventually("it has failed", () => opened.failures.length > 0);
    const message = `NATS server ${server.address}: ${what}`;
    assert.deepEqual(opened.failures, [{ server: server.address, lasting: true, message }]);
    assert.equal(opened.link.connected, false);
    assert.equal(opened.link.connections, 0);
    assert.equal(opened.link.connectedAt, -Infinity);
  }
});

Deno.test("subscribe() delivers messages whose headers cannot be read, and all that follow", async () => {
  await using server = startFakeNats(greetingOf("2.10.0"));
  await using opened = openReportingLink(server.address);
  const received: string[] = [];
  opened.link.subscribe("x", ({ data, reply, status }) => {
    received.push(`${new TextDecoder().decode(data)} ${reply} ${status}`);
  });
  await connected(opened.link);
  const headers = ["NATS/1.0\r\nA B: x\r\n\r\n", "NATS/1.0\r\n:\r\n\r\n", "junk\r\n\r\n"];
  for (const header of headers) {
    // The first subscription is that for answers.
    await server.send(`HMSG x 2 r ${header.length} ${header.length + 4}\r\n${header}body\r\n`);
  }
  await server.send("MSG x 2 r 4\r\nlast\r\n");
  await eventually("the last is there", () => received.length === 4);
  assert.deepEqual(received, ["body r 0", "body r 0", "body r 0", "last r 0"]);
  assert.equal(opened.link.connections, 1);
});

Deno.test("openLink() reports a failure once, and tries again", async () => {
  const port = freePort();
  await using opened = openReportingLink(`127.0.0.1:${port}`);
  await eventually("it has failed", () => opened.failures.length > 0);
  using listener = Deno.listen({ hostname: "127.0.0.1", port });
  const first = await listener.accept();
  first.close();
  const second = await listener.accept();
  second.close();
  const third = await listener.accept();
  assert.equal(opened.failures.length, 2);
  const [refused, closed] = opened.failures;
  assert.match(refused?.message ?? "", /onnection refused/);
  assert.match(closed?.message ?? "", /it closed the connection before it said anything/);
  for (const { lasting } of opened.failures) assert.equal(lasting, false);
  await opened.link.close();
  third.close();
});

Deno.test("openLink() gives up a server that says nothing, and tries the next one", async () => {
  await using silent = startFakeNats("");
  await using server = startFakeNats(greetingOf("2.10.0"));
  await using first = openReportingLink([silent.address, server.address]);
  await using second = openReportingLink([server.address, silent.address]);
  await connected(first.link);
  await connected(second.link);
  for (const { message, lasting } of [...first.failures, ...second.failures]) {
    assert.equal(message, `NATS server ${silent.address}: it does not answer`);
    assert.equal(lasting, false);
  }
});

Deno.test("close() ends an attempt to connect at once", async () => {
  await using silent = startFakeNats("");
  await using opened = openReportingLink(silent.address);
  await eventually("it has connected", () => silent.connections > 0);
  const begun = performance.now();
  await opened.link.close();
  assert.ok(performance.now() - begun < 2000);
  assert.deepEqual(opened.failures, []);
});

Deno.test("publish() and request() refuse messages that the server would not take", async () => {
  await using server = startFakeNats(greetingOf("2.10.0"));
  await using opened = openReportingLink(server.address);
  await connected(opened.link);
  const refused = {
    name: "LinkError",
    trouble: "refused",
    message: /larger than the server allows/,
  };
  const data = new Uint8Array(1025);
  assert.throws(() => opened.link.publish("x", data), refused);
  await assert.rejects(opened.link.request("x", data, 1000), refused);
  const options = { id: "x", timeoutMs: 1000 };
  await assert.rejects(opened.link.store("x", data.subarray(1), options), refused);
});

Deno.test("maxPayload follows what the server says later", async () => {
  await using server = startFakeNats(greetingOf("2.10.0"));
  await using opened = openReportingLink(server.address);
  await connected(opened.link);
  await server.send(greetingOf("2.10.0", { max_payload: 512 }));
  await eventually("it has changed", () => opened.link.maxPayload === 512);
});

Deno.test("openLink() does not believe what came before TLS began", async () => {
  const more = "MSG x 1 0\r\n\r\n";
  await using server = startFakeNats(greetingOf("2.10.0", { tls_required: true }) + more);
  await using opened = openReportingLink(server.address);
  await eventually("it has failed", () => opened.failures.length > 0);
  assert.match(opened.failures[0]?.message ?? "", /it says more before TLS begins/);
});
