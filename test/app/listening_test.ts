import assert from "node:assert/strict";
import { listen, publishSocket } from "../../src/app/listening.ts";
import type { HttpConfig } from "../../src/config/config.ts";
import { createActivity } from "../../src/http/activity.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture } from "../support/program.ts";
import { configOf } from "../support/machine.ts";

const pem = (name: string) => Deno.readTextFileSync(fixture(`tls/${name}.pem`));
const [cert, key] = [pem("cert"), pem("key")];

const { http } = configOf({ JOBRUNNER_CMD: "/bin/date", JOBRUNNER_HTTP_LISTEN_PORT: "0" });

function listenTo(different: Partial<HttpConfig>) {
  const unused = () => assert.fail("nothing is to be logged");
  const log = { write: unused, flush: unused };
  return listen(() => new Response("here"), { ...http, ...different }, log, createActivity());
}

Deno.test("listen() serves at the URL that it returns, over TLS when there is a certificate", async () => {
  const plain = listenTo({});
  assert.match(plain.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(await (await fetch(plain.url)).text(), "here");
  await plain.stop();
  const secure = listenTo({ tls: { cert, key } });
  assert.match(secure.url, /^https:/);
  using client = Deno.createHttpClient({ caCerts: [pem("ca")] });
  const answer = await fetch(secure.url.replace("127.0.0.1", "localhost"), { client });
  assert.equal(await answer.text(), "here");
  await secure.stop();
});

Deno.test("listen() reports whether the address or the certificate cannot be used", async () => {
  const first = listenTo({});
  const port = Number(new URL(first.url).port);
  for (const tls of [undefined, { cert, key }]) {
    assert.throws(() => listenTo({ port, tls }), {
      name: "StartError",
      message: /^cannot listen on 127\.0\.0\.1:\d+: /,
    });
  }
  await first.stop();
  assert.throws(() => listenTo({ tls: { cert, key: pem("self_signed_key") } }), {
    name: "StartError",
    message: /^cannot use the TLS certificate and key: /,
  });
});

Deno.test("listen() opens a unix socket where it is to be opened", async () => {
  using folder = temporaryFolder();
  const opened = `${folder.path}/s`;
  const socket = { path: `${folder.path}/http.sock`, opened };
  const server = listenTo({ address: `unix:${socket.path}`, socket });
  assert.equal(server.url, `unix:${socket.path}`);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["s"]);
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: opened } });
  assert.equal(await (await fetch("http://localhost/", { client })).text(), "here");
  assert.throws(() => listenTo({ address: `unix:${socket.path}`, socket }), {
    name: "StartError",
    message: /^cannot listen on unix:\/\S+\/http\.sock: /,
  });
  await server.stop();
});

Deno.test("publishSocket() reports why a unix socket cannot be reached, and asks for nothing without one", async () => {
  const socket = { path: "/s", opened: "/s.new/s" };
  const why = () => Promise.resolve("the disk is full");
  await publishSocket(http, () => assert.fail("there is no socket"));
  await publishSocket({ ...http, socket }, () => Promise.resolve(undefined));
  await assert.rejects(publishSocket({ ...http, address: "unix:/s", socket }, why), {
    name: "StartError",
    message: "cannot listen on unix:/s: the disk is full",
  });
});
