import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { checkTlsPair } from "../../src/http/tls_pair.ts";
import { fixture } from "../support/program.ts";

const pem = (name: string) => Deno.readTextFileSync(fixture(`tls/${name}.pem`));
const [cert, key] = [pem("cert"), pem("key")];

Deno.test("checkTlsPair() accepts a certificate with its key, whatever text is around them", () => {
  checkTlsPair({ cert, key });
  checkTlsPair({ cert: `a note\n${cert}${pem("ca")}`, key: `Bag Attributes\n${cert}${key}` });
  checkTlsPair({ cert: cert.replaceAll("\n", "\r\n"), key: key.replaceAll("\n", "\r\n") });
});

Deno.test("checkTlsPair() refuses the key of another certificate, of the same kind or another", () => {
  for (const type of ["pkcs8", "sec1"] as const) {
    const { privateKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      privateKeyEncoding: { type, format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    assert.throws(
      () => checkTlsPair({ cert, key: privateKey }),
      /the key is not the certificate's/,
    );
  }
  const other = { cert, key: pem("self_signed_key") };
  assert.throws(() => checkTlsPair(other), /the key is not the certificate's/);
});

Deno.test("checkTlsPair() refuses what is not a certificate or not a readable key", () => {
  assert.throws(() => checkTlsPair({ cert: "none", key }));
  assert.throws(() => checkTlsPair({ cert, key: "none" }), /no private key/);
  const encrypted = key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
  assert.throws(() => checkTlsPair({ cert, key: encrypted }), /no private key/);
  const damaged = key.replace(/\n.{60}/, "\n");
  assert.throws(() => checkTlsPair({ cert, key: damaged }));
});

Deno.test("checkTlsPair() needs no permission", async () => {
  const module = new URL("../../src/http/tls_pair.ts", import.meta.url).href;
  const code = `import { checkTlsPair } from ${JSON.stringify(module)};
    onmessage = ({ data }) => postMessage(data.map((pair) => {
      try { checkTlsPair(pair); return "ok"; } catch (error) { return error.message; }
    }));`;
  const permissions: Deno.PermissionOptions = "none";
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(code)}`, {
    type: "module",
    deno: { permissions },
  });
  const answered = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.postMessage([{ cert, key }, { cert, key: pem("self_signed_key") }]);
  assert.deepEqual(await answered, ["ok", "the key is not the certificate's"]);
  worker.terminate();
});
