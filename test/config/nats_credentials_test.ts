import assert from "node:assert/strict";
import type { ClusterCredentials } from "../../src/config/config.ts";
import { configure, type Disk, errorsOf } from "../support/machine.ts";
import { credsOf, seedOf } from "../support/nats_files.ts";

const nats = { JOBRUNNER_CMD: "/bin/date", JOBRUNNER_NATS_URL: "nats://h" };
const fileOf = (content: string | Uint8Array<ArrayBuffer>): Disk => ({
  "/f": typeof content === "string" ? { text: content } : { bytes: content },
});

function credentialsOf(
  env: Readonly<Record<string, string>>,
  content = "",
): ClusterCredentials | undefined {
  const result = configure({ ...nats, ...env }, { disk: fileOf(content) });
  assert.ok(result.ok, JSON.stringify(result));
  return result.clusterSecrets?.credentials;
}

const password = { JOBRUNNER_NATS_USER: "ann", JOBRUNNER_NATS_PASSWORD_FILE: "/f" };
const token = { JOBRUNNER_NATS_TOKEN_FILE: "/f" };
const nkey = { JOBRUNNER_NATS_NKEY_FILE: "/f" };
const creds = { JOBRUNNER_NATS_CREDS_FILE: "/f" };

Deno.test("parseConfig() reads the credentials of each kind from its file", () => {
  assert.deepEqual(credentialsOf({}), { kind: "none" });
  assert.deepEqual(credentialsOf(password, "\ufeffhunter 2\r\n"), {
    kind: "password",
    user: "ann",
    password: "hunter 2",
  });
  assert.deepEqual(credentialsOf(token, "hunter2\n"), { kind: "token", token: "hunter2" });
  assert.deepEqual(credentialsOf(nkey, `${seedOf("A")}\n`), { kind: "nkey", seed: seedOf("A") });
  for (const text of [credsOf("A"), credsOf("A").replaceAll("\n", "\r\n")]) {
    assert.deepEqual(credentialsOf(creds, text), { kind: "creds", text });
  }
});

Deno.test("parseConfig() keeps credentials out of the configuration and the effective settings", () => {
  const files: readonly (readonly [Record<string, string>, string, string])[] = [
    [password, "hunter2", "hunter2"],
    [token, "hunter2", "hunter2"],
    [nkey, seedOf("A"), seedOf("A")],
    [creds, credsOf("A"), seedOf("A")],
  ];
  for (const [env, content, secret] of files) {
    const result = configure({ ...nats, ...env }, { disk: fileOf(content) });
    assert.ok(result.ok, JSON.stringify(result));
    assert.ok(JSON.stringify(result.clusterSecrets).includes(secret));
    assert.ok(!JSON.stringify({ ...result, clusterSecrets: undefined }).includes(secret));
  }
});

Deno.test("a credentials file that is not valid is an error that says why and shows nothing of it", () => {
  const passwordFile =
    "JOBRUNNER_NATS_PASSWORD_FILE=/f: must be a readable file that holds the password of a NATS user";
  const tokenFile = "JOBRUNNER_NATS_TOKEN_FILE=/f: must be a readable file that holds a NATS token";
  const nkeyFile =
    "JOBRUNNER_NATS_NKEY_FILE=/f: must be a readable file that holds the seed of a NATS user's nkey";
  const credsFile = "JOBRUNNER_NATS_CREDS_FILE=/f: must be a readable NATS credentials file";
  const seed = "it must be one line with SU and 56 more characters";
  const both = "it must hold a user's JWT and the user's seed";
  const latin1 = Uint8Array.from([0x68, 0xe4]);
  const rows: readonly (readonly [
    Record<string, string>,
    string | Uint8Array<ArrayBuffer>,
    string,
  ])[] = [
    [password, "", `${passwordFile} (it is empty)`],
    [password, "\r\n", `${passwordFile} (it is empty)`],
    [password, "hunter2\nx", `${passwordFile} (it must be one line, not several)`],
    [password, "hunter2 ", `${passwordFile} (it must not begin or end with a space)`],
    [password, latin1, `${passwordFile} (it must be UTF-8 text)`],
    [password, "x".repeat(4097), `${passwordFile} (it must have at most 4096 bytes)`],
    [token, "hunter2\0", `${tokenFile} (it contains a control character)`],
    [token, "", `${tokenFile} (it is empty)`],
    [nkey, "", `${nkeyFile} (it is empty)`],
    [nkey, `${seedOf("A")}A`, `${nkeyFile} (${seed})`],
    [nkey, seedOf("A").replace("SU", "SA"), `${nkeyFile} (${seed})`],
    [nkey, seedOf("1"), `${nkeyFile} (${seed})`],
    [creds, "", `${credsFile} (${both})`],
    [creds, seedOf("A"), `${credsFile} (${both})`],
    [creds, credsOf("A").replace(seedOf("A"), "hunter2"), `${credsFile} (${both})`],
    [creds, credsOf("A").split("*")[0] ?? "", `${credsFile} (${both})`],
    [creds, credsOf("A").padEnd(2 ** 20 + 1), `${credsFile} (it must have at most 1048576 bytes)`],
  ];
  for (const [env, content, error] of rows) {
    assert.deepEqual(errorsOf({ ...nats, ...env }, [], fileOf(content)), [error]);
  }
  assert.deepEqual(errorsOf({ ...nats, ...token }), [`${tokenFile} (No such file)`]);
});

Deno.test("several kinds of credentials, or half of one, are errors", () => {
  const disk = fileOf(seedOf("A"));
  assert.deepEqual(
    errorsOf({ ...nats, ...password, ...token }, ["--nats-nkey-file=/f"], disk),
    [
      "JOBRUNNER_NATS_TOKEN_FILE: must be left out when JOBRUNNER_NATS_USER is set",
      "--nats-nkey-file: must be left out when JOBRUNNER_NATS_USER is set",
    ],
  );
  assert.deepEqual(errorsOf({ ...nats, JOBRUNNER_NATS_USER: "ann" }), [
    "JOBRUNNER_NATS_PASSWORD_FILE=: must be set when JOBRUNNER_NATS_USER is",
  ]);
  assert.deepEqual(errorsOf({ ...nats, JOBRUNNER_NATS_PASSWORD_FILE: "/f" }, [], disk), [
    "JOBRUNNER_NATS_USER=: must be set when JOBRUNNER_NATS_PASSWORD_FILE is",
  ]);
  assert.deepEqual(errorsOf({ ...nats, ...password, JOBRUNNER_NATS_USER: "a\nb" }, [], disk), [
    "JOBRUNNER_NATS_USER=a\\nb: must be the name of a NATS user, without control characters",
  ]);
});
