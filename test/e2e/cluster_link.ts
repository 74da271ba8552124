/**
 * The connection to NATS, with a real nats-server of version 2.10 or newer: see `test/support/nats_server.ts`.
 */

import assert from "node:assert/strict";
import { nkeys } from "@nats-io/nats-core";
import type { StreamSettings } from "../../src/cluster/link.ts";
import type { LinkSettings } from "../../src/cluster/nats.ts";
import { greetingOf, startFakeNats } from "../support/fake_nats.ts";
import { connectInThread } from "../support/link_in_thread.ts";
import { testBrokenLink, testLink } from "../support/link_suite.ts";
import { createJwtSetup } from "../support/nats_jwt.ts";
import { connected, openNatsLinks, openReportingLink } from "../support/nats_links.ts";
import { type NatsServerOptions, startNatsServer } from "../support/nats_server.ts";
import { eventually } from "../support/processes.ts";
import { projectRoot } from "../support/program.ts";

const body = { name: "NATS", ackWaitMs: 1000, open: openNatsLinks };
testLink(body);
testBrokenLink(body);

const noData = new Uint8Array();

const settings: StreamSettings = {
  stream: "JR1_g_p",
  subject: "jr1.g.job.p",
  maxMessages: 3,
  ackWaitMs: 1000,
  storage: "memory",
  replicas: 1,
};

const tlsFolder = `${projectRoot}test/fixtures/tls`;

function pem(name: string): string {
  return Deno.readTextFileSync(`${tlsFolder}/${name}.pem`);
}

/** The configuration of a server with TLS. */
function tlsConfig(more: string): string {
  return `tls { cert_file: "${tlsFolder}/cert.pem", key_file: "${tlsFolder}/key.pem", ${more} }`;
}

const first = "handshake_first: true";
const verify = `ca_file: "${tlsFolder}/self_signed.pem", verify: true`;
const ca = pem("ca");
const own = { cert: pem("self_signed"), key: pem("self_signed_key") };
const other = { cert: pem("cert"), key: pem("key") };
const [user, stranger] = [nkeys.createUser(), nkeys.createUser()];
const seedOf = (pair: typeof user) => new TextDecoder().decode(pair.getSeed());
const [jwt, foreign] = [createJwtSetup(), createJwtSetup()];
const password = "authorization { user: u, password: p }";
const nkey = `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`;

/** A server, how to connect to it, and the failure that lasts; without one there is a connection. */
type Row = readonly [string, string, Partial<LinkSettings>, RegExp?];

const wrong = /it does not accept the credentials/;
const matrix: readonly Row[] = [
  ["no credentials", "", {}],
  ["a password", password, { credentials: { kind: "password", user: "u", password: "p" } }],
  ["another password", password, {
    credentials: { kind: "password", user: "u", password: "q" },
  }, wrong],
  ["no password", password, {}, wrong],
  ["a token", "authorization { token: t }", { credentials: { kind: "token", token: "t" } }],
  ["another token", "authorization { token: t }", {
    credentials: { kind: "token", token: "u" },
  }, wrong],
  ["an nkey", nkey, { credentials: { kind: "nkey", seed: seedOf(user) } }],
  ["another nkey", nkey, { credentials: { kind: "nkey", seed: seedOf(stranger) } }, wrong],
  ["a malformed nkey", nkey, {
    credentials: { kind: "nkey", seed: "SUA" },
  }, /the nkey is malformed/],
  ["a credentials file", jwt.config, { credentials: { kind: "creds", text: jwt.creds } }],
  ["a foreign credentials file", jwt.config, {
    credentials: { kind: "creds", text: foreign.creds },
  }, wrong],
  ["a malformed credentials file", jwt.config, {
    credentials: { kind: "creds", text: "x" },
  }, /the credentials file is malformed/],
  ["TLS", tlsConfig(""), { tls: { first: false, ca } }],
  ["TLS first", tlsConfig(first), { tls: { first: true, ca } }],
  ["TLS with an unknown authority", tlsConfig(""), { tls: { first: false } }, /UnknownIssuer/],
  ["TLS that the server demands", tlsConfig(""), {}, /UnknownIssuer/],
  ["TLS that is not offered", "", { tls: { first: false, ca } }, /it does not offer TLS/],
  ["TLS first that is not offered", "", { tls: { first: true, ca } }, /TLS failed/],
  ["a client certificate", tlsConfig(`${verify}, ${first}`), { tls: { first: true, ca, ...own } }],
  ["no client certificate", tlsConfig(verify), {
    tls: { first: false, ca },
  }, /TLS failed: .*CertificateRequired/],
  ["another client certificate", tlsConfig(`${verify}, ${first}`), {
    tls: { first: true, ca, ...other },
  }, /TLS failed: .*UnknownCA/],
  ["a client certificate without TLS first", tlsConfig(verify), {
    tls: { first: false, ca, ...own },
  }, /can only be shown if TLS comes first/],
];

for (const [name, config, how, failure] of matrix) {
  const outcome = failure ? "reports a failure that lasts" : "connects";
  Deno.test(`openLink() needs only the permission for its server, and ${outcome}: ${name}`, async () => {
    await using server = await startNatsServer({ config, jetStream: false });
    const found = await connectInThread({
      servers: [`localhost:${server.port}`],
      tls: undefined,
      credentials: { kind: "none" },
      name: "test",
      ...how,
    });
    if (!failure) return assert.equal(found, undefined);
    assert.match(found?.message ?? "", failure);
    assert.equal(found?.lasting, true);
  });
}

async function refusal(options: NatsServerOptions, how: Partial<LinkSettings>): Promise<string> {
  await using server = await startNatsServer(options);
  await using opened = openReportingLink(server.address, how);
  await connected(opened.link);
  const error = await opened.link.ensure(settings).then(() => assert.fail(), (error) => error);
  assert.equal(error.trouble, "refused");
  return error.message;
}

Deno.test("ensure() is refused without JetStream, and without the permission", async () => {
  assert.match(await refusal({ jetStream: false }, {}), /JetStream enabled/);
  const account = "accounts { A { users: [{ user: u, password: p }] } }";
  const credentials = { kind: "password", user: "u", password: "p" } as const;
  assert.match(await refusal({ config: account }, { credentials }), /not enabled for account/);
  const config = `authorization { users: [{ user: u, password: p, permissions: {
    publish: ["jr1.>"], subscribe: ["jr1.>", "_INBOX.>"] } }] }`;
  assert.match(
    await refusal({ config }, { credentials }),
    /the NATS user may not publish to \$JS\.API\.STREAM\.INFO\.JR1_g_p/,
  );
});

Deno.test("openLink() reports subjects that the user may not use", async () => {
  const config = `authorization { users: [{ user: u, password: p, permissions: {
    publish: ["a"], subscribe: ["a", "_INBOX.>"] } }] }`;
  await using server = await startNatsServer({ config });
  const credentials = { kind: "password", user: "u", password: "p" } as const;
  await using opened = openReportingLink(server.address, { credentials });
  opened.link.subscribe("b", () => {});
  await connected(opened.link);
  opened.link.publish("c", noData);
  await eventually("both are reported", () => opened.failures.length === 2);
  const message = (what: string) =>
    `NATS server ${server.address}: the user may not use the ${what}`;
  const lasting = { server: server.address, lasting: true };
  assert.deepEqual(opened.failures, [
    { ...lasting, message: message("subject b (subscription)") },
    { ...lasting, message: message("subject c (publish)") },
  ]);
});

Deno.test("the connection is made again after a server that was killed, or frozen with full buffers", async () => {
  await using server = await startNatsServer();
  await using opened = openReportingLink(server.address);
  const { link, failures } = opened;
  await connected(link);
  await server.kill();
  await eventually("the connection is lost", () => !link.connected);
  await server.start();
  await connected(link);
  server.freeze();
  for (let count = 0; count < 64; count++) link.publish("x", new Uint8Array(512 * 1024));
  const asked = link.request("x", noData, 60_000);
  await assert.rejects(asked, { name: "LinkError", trouble: "unavailable" });
  await eventually("the loss is noticed", () => !link.connected);
  server.thaw();
  await connected(link);
  assert.equal(link.connections, 3);
  await assert.rejects(link.request("nobody", noData, 60_000), { trouble: "no_responders" });
  for (const { lasting } of failures) assert.equal(lasting, false);
});

Deno.test("the connection is not made again to a server that is too old", async () => {
  await using old = startFakeNats(greetingOf("2.9.10"));
  await using server = await startNatsServer();
  await using opened = openReportingLink([old.address, server.address]);
  const { link, failures } = opened;
  await connected(link);
  await server.kill();
  await eventually("the old server is refused", () => failures.some(({ lasting }) => lasting));
  assert.equal(link.connected, false);
  assert.equal(link.connections, 1);
  await server.start();
  await connected(link);
  assert.notEqual(link.serverVersion, "2.9.10");
});

Deno.test("close() does not wait for a server that is frozen", async () => {
  await using server = await startNatsServer();
  await using opened = openReportingLink(server.address);
  await connected(opened.link);
  server.freeze();
  opened.link.publish("x", noData);
  const begun = performance.now();
  await opened.link.close();
  assert.ok(performance.now() - begun < 5000);
  server.thaw();
});

Deno.test("an error of a receiver counts as a bug, and the connection stays", async () => {
  await using server = await startNatsServer();
  await using opened = openReportingLink(server.address);
  await connected(opened.link);
  const bug = new Error("a bug");
  const reported = Promise.withResolvers<unknown>();
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    reported.resolve(event.error);
  };
  globalThis.addEventListener("error", onError);
  opened.link.subscribe("x", () => {
    throw bug;
  });
  opened.link.publish("x", noData);
  assert.equal(await reported.promise, bug);
  globalThis.removeEventListener("error", onError);
  await assert.rejects(opened.link.request("nobody", noData, 60_000), { trouble: "no_responders" });
  assert.equal(opened.link.connections, 1);
});

Deno.test("a consumer that somebody has deleted is missed by size(), and made again by ensure()", async () => {
  await using server = await startNatsServer();
  await using opened = openReportingLink(server.address);
  const { link } = opened;
  await connected(link);
  await link.ensure(settings);
  await link.request(`$JS.API.CONSUMER.DELETE.${settings.stream}.w`, noData, 5000);
  await assert.rejects(link.size(settings.stream), { trouble: "not_found" });
  await link.ensure(settings);
  assert.deepEqual(await link.size(settings.stream), { messages: 0, maxMessages: 3 });
});
