import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { configOf, errorsOf } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("JOBRUNNER_PASSWORD and JOBRUNNER_PASSWORD_FILE are kept as a digest without line ends", () => {
  const digest = new Uint8Array(createHash("sha256").update("hunter2").digest());
  assert.deepEqual(
    configOf({ ...cmd, JOBRUNNER_PASSWORD: "\r\nhunter2\r\n" }).http.passwordDigest,
    digest,
  );
  const file = { ...cmd, JOBRUNNER_PASSWORD_FILE: "secret" };
  assert.deepEqual(
    configOf(file, [], { "/work/secret": { text: "hunter2\n" } }).http.passwordDigest,
    digest,
  );
  assert.deepEqual(errorsOf(file), [
    "JOBRUNNER_PASSWORD_FILE=secret: must be a readable file that holds a password (No such file)",
  ]);
  assert.match(errorsOf(file, [], { "/work/secret": { text: "\n" } }).join(), /\(it is empty\)$/);
  assert.match(
    errorsOf(file, [], { "/work/secret": { text: "two\nlines\n" } }).join(),
    /\(it must be one line, not several\)$/,
  );
  const utf16 = Uint8Array.from([0xff, 0xfe, 0x68, 0x00]);
  assert.match(
    errorsOf(file, [], { "/work/secret": { bytes: utf16 } }).join(),
    /\(it must be UTF-8/,
  );
  assert.deepEqual(
    errorsOf({ ...file, JOBRUNNER_PASSWORD: "x" }, [], { "/work/secret": { text: "y" } }),
    [
      "JOBRUNNER_PASSWORD_FILE: must be left out when JOBRUNNER_PASSWORD is set",
    ],
  );
  assert.deepEqual(
    configOf({ ...cmd, JOBRUNNER_PASSWORD: "x" }, ["--password-file=secret"], {
      "/work/secret": { text: "\ufeffhunter2\r\n" },
    }).http.passwordDigest,
    digest,
    "the flag wins, and a byte order mark is dropped",
  );
});

Deno.test("JOBRUNNER_TLS_CERT_FILE without a key reports that and the errors of the file itself", () => {
  assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_TLS_CERT_FILE: "/none" }), [
    "JOBRUNNER_TLS_KEY_FILE=: must be set when JOBRUNNER_TLS_CERT_FILE is",
    "JOBRUNNER_TLS_CERT_FILE=/none: must be a readable PEM file that holds a certificate (No such file)",
  ]);
  const encrypted = { text: "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" };
  const both = { ...cmd, JOBRUNNER_TLS_CERT_FILE: "/c", JOBRUNNER_TLS_KEY_FILE: "/k" };
  const cert = { text: "-----BEGIN CERTIFICATE-----\n" };
  assert.match(errorsOf(both, [], { "/c": cert, "/k": encrypted }).join(), /it is encrypted/);
  const endless = { bytes: new Uint8Array(2 ** 21) };
  assert.match(
    errorsOf(both, [], { "/c": cert, "/k": endless }).join(),
    /at most 1048576 bytes\)$/,
  );
});

Deno.test("JOBRUNNER_TLS_CERT_FILE and JOBRUNNER_TLS_KEY_FILE must hold a certificate and a key", () => {
  const env = { ...cmd, JOBRUNNER_TLS_CERT_FILE: "/c", JOBRUNNER_TLS_KEY_FILE: "/k" };
  const cert = { text: "-----BEGIN CERTIFICATE-----\n" };
  const key = { text: "-----BEGIN EC PRIVATE KEY-----\n" };
  assert.deepEqual(configOf(env, [], { "/c": cert, "/k": key }).http.tls, {
    cert: cert.text,
    key: key.text,
  });
  assert.deepEqual(errorsOf(env, [], { "/c": key, "/k": cert }), [
    "JOBRUNNER_TLS_CERT_FILE=/c: must be a readable PEM file that holds a certificate (it holds no certificate)",
    "JOBRUNNER_TLS_KEY_FILE=/k: must be a readable PEM file that holds a private key (it holds no private key)",
  ]);
});
