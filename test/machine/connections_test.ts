import assert from "node:assert/strict";
import { clientsGone } from "../../src/machine/connections.ts";

const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";
const row = (local: string, remote: string, state: string) =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 20 1`;

const v4 = [
  head,
  row("0100007F:1F90", "00000000:0000", "0A"),
  row("0100007F:1F90", "0100007F:C350", "01"),
  row("0100007F:1F90", "0100007F:C351", "08"),
].join("\n");

const v6 = [
  head,
  row(
    "00000000000000000000000001000000:1F90",
    "B80D0120000000000000000001000000:C352",
    "01",
  ),
  row(
    "0000000000000000FFFF00000100007F:1F90",
    "0000000000000000FFFF00000100007F:C353",
    "01",
  ),
].join("\n");

Deno.test("clientsGone() reports a client that closed its end, or whose connection does not exist", () => {
  const clients = [
    { hostname: "127.0.0.1", port: 50000 },
    { hostname: "127.0.0.1", port: 50001 },
    { hostname: "127.0.0.1", port: 50002 },
    { hostname: "127.0.0.2", port: 50000 },
  ];
  assert.deepEqual(clientsGone(clients, () => [v4, ""]), [false, true, true, true]);
});

Deno.test("clientsGone() finds IPv6 addresses in any notation, and IPv4 addresses mapped into IPv6", () => {
  const clients = [
    { hostname: "2001:db8::1", port: 50002 },
    { hostname: "2001:0db8:0:0:0:0:0:1", port: 50002 },
    { hostname: "2001:db8::2", port: 50002 },
    { hostname: "127.0.0.1", port: 50003 },
    { hostname: "::ffff:127.0.0.1", port: 50003 },
  ];
  assert.deepEqual(clientsGone(clients, () => [v4, v6]), [false, false, true, false, false]);
});

Deno.test("clientsGone() ignores a table that does not show our own listener", () => {
  const clients = [{ hostname: "127.0.0.1", port: 50001 }];
  assert.deepEqual(clientsGone(clients, () => ["", ""]), [false]);
  assert.deepEqual(clientsGone(clients, () => [head, row("0100007F:1", "0100007F:2", "01")]), [
    false,
  ]);
});

Deno.test("clientsGone() reports no client without kernel tables; two reads must agree", () => {
  const clients = [{ hostname: "127.0.0.1", port: 50000 }, { hostname: "127.0.0.1", port: 50002 }];
  assert.deepEqual(clientsGone(clients, () => undefined), [false, false]);
  const withoutARow = v4.split("\n").filter((line) => !line.includes("C350")).join("\n");
  const looks = [[withoutARow], [v4]];
  assert.deepEqual(clientsGone(clients, () => looks.shift()), [false, true]);
  assert.deepEqual(clientsGone(clients, () => [withoutARow]), [true, true]);
  const thenNothing = [[withoutARow], undefined];
  assert.deepEqual(clientsGone(clients, () => thenNothing.shift()), [false, false]);
});

Deno.test("clientsGone() sees a real connection of this machine open, then closed", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using accepted = await listener.accept();
  const address = accepted.remoteAddr as Deno.NetAddr;
  assert.deepEqual(clientsGone([address]), [false]);
  client.close();
  assert.equal(await accepted.read(new Uint8Array(1)), null);
  assert.deepEqual(clientsGone([address]), [true]);
});
