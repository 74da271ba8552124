/**
 * What a nats-server needs for credentials files: the JWTs of an operator, an account and a user (NATS documentation, "JWT").
 *
 * @module
 */

import { nkeys } from "@nats-io/nats-core";

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** An operator with one account that has one user. */
export interface JwtSetup {
  /** Text for the server's configuration. */
  readonly config: string;
  /** Text of the user's credentials file. */
  readonly creds: string;
}

/** Makes new keys for all of them. */
export function createJwtSetup(): JwtSetup {
  const operator = nkeys.createOperator();
  const [account, system] = [nkeys.createAccount(), nkeys.createAccount()];
  const user = nkeys.createUser();
  const limits = {
    subs: -1,
    data: -1,
    payload: -1,
    imports: -1,
    exports: -1,
    wildcards: true,
    conn: -1,
    leaf: -1,
  };
  // JetStream needs a system account, which must not have it.
  const stored = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const operatorJwt = jwtOf(operator, operator, {
    type: "operator",
    system_account: system.getPublicKey(),
  });
  const systemJwt = jwtOf(system, operator, { type: "account", limits });
  const accountJwt = jwtOf(account, operator, {
    type: "account",
    limits: { ...limits, ...stored },
  });
  const userJwt = jwtOf(user, account, { type: "user", subs: -1, data: -1, payload: -1 });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    config: [
      `operator: ${operatorJwt}`,
      "resolver: MEMORY",
      `resolver_preload {
        ${account.getPublicKey()}: ${accountJwt}
        ${system.getPublicKey()}: ${systemJwt}
      }`,
    ].join("\n"),
    creds: [
      "-----BEGIN NATS USER JWT-----",
      userJwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      "",
    ].join("\n"),
  };
}

function jwtOf(subject: KeyPair, issuer: KeyPair, nats: object): string {
  const head = encoded({ typ: "JWT", alg: "ed25519-nkey" });
  const body = encoded({
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: "test",
    nats: { version: 2, ...nats },
  });
  const signed = new TextEncoder().encode(`${head}.${body}`);
  return `${head}.${body}.${base64url(issuer.sign(signed))}`;
}

function encoded(value: object): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}

function base64url(bytes: Uint8Array): string {
  return new Uint8Array(bytes).toBase64({ alphabet: "base64url", omitPadding: true });
}
