/** How machines that share a queue say who they are: the program and a real nats-server. */

import assert from "node:assert/strict";
import { nkeys } from "@nats-io/nats-core";
import { type Canary, canaryOf, formsIn, newCanary } from "../support/canary.ts";
import { get, post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startSteadyMember } from "../support/member.ts";
import { createJwtSetup } from "../support/nats_jwt.ts";
import { startNatsServer } from "../support/nats_server.ts";
import { fixture, runProgram } from "../support/program.ts";

type Env = Readonly<Record<string, string>>;

/** A server, settings that it accepts, and those that it does not, each with what the program says. */
interface Row {
  readonly name: string;
  readonly config: string;
  readonly secret: Canary;
  readonly env: Env;
  readonly wrong: readonly { readonly name: string; readonly env: Env; readonly says: RegExp }[];
}

const tls = fixture("tls");
const folder = temporaryFolder();
addEventListener("unload", () => folder[Symbol.dispose]());

function file(content: string): string {
  const path = `${folder.path}/${crypto.randomUUID()}`;
  Deno.writeTextFileSync(path, content);
  return path;
}

function withTls(more: string): string {
  return `tls { cert_file: "${tls}/cert.pem", key_file: "${tls}/key.pem", ${more} }`;
}

function seedOf(pair: ReturnType<typeof nkeys.createUser>): string {
  return new TextDecoder().decode(pair.getSeed());
}

function keyIn(pem: string): Canary {
  const lines = Deno.readTextFileSync(pem).trim().split("\n");
  return canaryOf(lines.slice(1, -1).join(""));
}

const [password, token] = [newCanary(), newCanary()];
const [user, stranger] = [nkeys.createUser(), nkeys.createUser()];
const [jwt, foreign] = [createJwtSetup(), createJwtSetup()];
const [seed = ""] = /SU[A-Z2-7]{56}/.exec(jwt.creds) ?? [];
const none = { name: "none", env: {}, says: /it does not accept the credentials/ };
const refused = /it does not accept the credentials/;
const ca = { JOBRUNNER_NATS_CA_FILE: `${tls}/ca.pem` };
const first = { ...ca, JOBRUNNER_NATS_TLS_FIRST: "on" };
const own = {
  JOBRUNNER_NATS_CERT_FILE: `${tls}/self_signed.pem`,
  JOBRUNNER_NATS_KEY_FILE: `${tls}/self_signed_key.pem`,
};
const verify = `handshake_first: true, ca_file: "${tls}/self_signed.pem", verify: true`;

const rows: readonly Row[] = [
  {
    name: "a user and a password",
    config: `authorization { user: ann, password: ${password.text} }`,
    secret: password,
    env: { JOBRUNNER_NATS_USER: "ann", JOBRUNNER_NATS_PASSWORD_FILE: file(password.text) },
    wrong: [none, {
      name: "another password",
      env: { JOBRUNNER_NATS_USER: "ben", JOBRUNNER_NATS_PASSWORD_FILE: file(password.text) },
      says: refused,
    }],
  },
  {
    name: "a token",
    config: `authorization { token: ${token.text} }`,
    secret: token,
    env: { JOBRUNNER_NATS_TOKEN_FILE: file(`${token.text}\n`) },
    wrong: [{
      name: "another token",
      env: { JOBRUNNER_NATS_TOKEN_FILE: file(token.left) },
      says: refused,
    }],
  },
  {
    name: "an nkey",
    config: `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`,
    secret: canaryOf(seedOf(user)),
    env: { JOBRUNNER_NATS_NKEY_FILE: file(seedOf(user)) },
    wrong: [{
      name: "another nkey",
      env: { JOBRUNNER_NATS_NKEY_FILE: file(seedOf(stranger)) },
      says: refused,
    }],
  },
  {
    name: "a credentials file",
    config: jwt.config,
    secret: canaryOf(seed),
    env: { JOBRUNNER_NATS_CREDS_FILE: file(jwt.creds) },
    wrong: [{
      name: "a foreign credentials file",
      env: { JOBRUNNER_NATS_CREDS_FILE: file(foreign.creds) },
      says: refused,
    }],
  },
  {
    name: "a token over TLS",
    config: `${withTls("")}\nauthorization { token: ${token.text} }`,
    secret: token,
    env: { ...ca, JOBRUNNER_NATS_TOKEN_FILE: file(token.text) },
    wrong: [{
      name: "an unknown authority",
      env: { JOBRUNNER_NATS_TOKEN_FILE: file(token.text) },
      says: /TLS failed: .*UnknownIssuer/,
    }],
  },
  {
    name: "a client certificate with TLS first",
    config: withTls(verify),
    secret: keyIn(`${tls}/self_signed_key.pem`),
    env: { ...first, ...own },
    wrong: [
      { name: "no client certificate", env: first, says: /TLS failed: .*CertificateRequired/ },
      {
        name: "another client certificate",
        env: {
          ...first,
          JOBRUNNER_NATS_CERT_FILE: `${tls}/cert.pem`,
          JOBRUNNER_NATS_KEY_FILE: `${tls}/key.pem`,
        },
        says: /TLS failed: .*UnknownCA/,
      },
    ],
  },
];

/** What commands and users see of a machine. */
async function seen(url: string): Promise<string> {
  const job = await post(url, "env; cat /proc/$PPID/environ");
  const pages = await Promise.all(["/status", "/metrics", "/"].map((path) => get(url + path)));
  return [job.output, job.error, ...pages.map(({ text }) => text)].join("\n");
}

for (const { name, config, secret, env, wrong } of rows) {
  Deno.test(`a machine shares its queue with ${name}, and shows no secret of it`, async () => {
    await using server = await startNatsServer({ config });
    const scheme = config.includes("tls {") ? "tls" : "nats";
    const settings = {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_LOG_LEVEL: "debug",
      JOBRUNNER_NATS_URL: `${scheme}://localhost:${server.port}`,
    };
    await using machine = await startSteadyMember(server.address, {
      name: "machine",
      workers: 1,
      env: { ...settings, ...env },
    });
    await machine.line("connected to NATS");
    const answer = await post(machine.url, "env");
    assert.equal(answer.status, 200, answer.text);
    assert.doesNotMatch(answer.output, /JOBRUNNER_NATS_/);
    const said = `${await seen(machine.url)}\n${machine.log.join("\n")}`;
    assert.deepEqual(await formsIn(said, secret), []);
    for (const attempt of wrong) {
      const { code, stdout, stderr } = await runProgram({
        args: ["serve"],
        env: { JOBRUNNER_HTTP_LISTEN_PORT: "0", ...settings, ...attempt.env },
        // One that serves although it should not is ended.
        through: ["timeout", "60"],
      });
      assert.equal(code, 1, `${attempt.name}: ${stderr}`);
      assert.match(stderr, attempt.says);
      assert.match(stderr, /cannot share the queue: NATS server localhost:\d+: /);
      assert.deepEqual(await formsIn(stdout + stderr, secret), []);
    }
  });
}
