import assert from "node:assert/strict";
import { listen } from "../../src/app/listening.ts";
import type { HttpConfig } from "../../src/config/config.ts";
import { createActivity } from "../../src/http/activity.ts";
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
