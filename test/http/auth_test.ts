import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Access, createAccess, type Sender } from "../../src/http/auth.ts";
import type { JobSpec } from "../../src/jobs/job.ts";
import type { Scope } from "../../src/wire/resources.ts";
import { ranOf } from "../support/jobs.ts";
import { job, setUp } from "../support/routes.ts";
import { bearer, digestOf, grantOf, secretOf } from "../support/tokens.ts";

Deno.test("POST /payload answers 401 to a wrong or missing password before it reads the body", async () => {
  const { post, send } = setUp({ password: "päss wörd" });
  // Header values travel as bytes, one character each.
  const asBytes = String.fromCharCode(...new TextEncoder().encode("päss wörd"));
  assert.equal((await post(job, { "x-jr-password": asBytes })).status, 200);
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
  const refused = await send("/payload", { method: "POST", body });
  assert.equal(refused.status, 401);
  assert.equal(refused.text, "Invalid password supplied in X-JR-PASSWORD header\n");
  assert.ok(refused.headers.get("www-authenticate"));
  assert.equal(pulled, 0);
  for (const wrong of ["", "x", `${asBytes}x`, asBytes.slice(1)]) {
    assert.equal((await post(job, { "x-jr-password": wrong })).status, 401, wrong);
  }
});

Deno.test("POST /payload ignores a password when the server has none", async () => {
  assert.equal((await setUp().post(job, { "x-jr-password": "anything" })).status, 200);
});

/** What a request asks for, with what differs from a request for a job by a client whose address is not known. */
interface Asking {
  readonly scope?: Scope;
  readonly from?: string;
  readonly forwarded?: { readonly address: string | undefined };
}

/** Asks an access, and returns its decision and the name of the token that it has found. */
function ask(access: Access, headers: HeadersInit, asking: Asking = {}) {
  const { scope = "submit", from, forwarded } = asking;
  const remoteAddr = from && { transport: "tcp", hostname: from, port: 1 } as const;
  const sender: Sender = { token: undefined, info: remoteAddr ? { remoteAddr } : {}, forwarded };
  const decision = access.admit(new Headers(headers), scope, sender);
  return { decision, token: sender.token };
}

const ci = secretOf("a");
const passwordDigest = new Uint8Array(createHash("sha256").update("p").digest());
const allScopes = ["submit", "status", "metrics"] as const;

Deno.test("createAccess() without tokens admits whoever has the password, if there is one, whatever Authorization says", () => {
  for (const scope of allScopes) {
    const open = createAccess({ passwordDigest: undefined, tokens: undefined });
    const closed = createAccess({ passwordDigest, tokens: undefined });
    for (const headers of [{}, bearer(ci)]) {
      const { decision, token } = ask(open, headers, { scope });
      assert.ok(!("kind" in decision) && decision.mayRun("anything"));
      assert.deepEqual([decision.token, token], [undefined, undefined]);
      assert.deepEqual(ask(closed, headers, { scope }).decision, { kind: "unauthorized" });
    }
    const { decision, token } = ask(closed, { "x-jr-password": "p" }, { scope });
    assert.ok(!("kind" in decision) && decision.mayRun("anything"));
    assert.deepEqual([decision.token, token], [undefined, undefined]);
  }
});

Deno.test("createAccess() admits either digest of a token, and nothing that has not the form of a token", () => {
  const word = "hunter2";
  const access = createAccess({
    passwordDigest: undefined,
    tokens: [
      grantOf("ci", ci, { digests: [digestOf(ci), digestOf(secretOf("b"))] }),
      grantOf("weak", word),
    ],
  });
  for (const secret of [ci, secretOf("b")]) {
    const { decision, token } = ask(access, bearer(secret));
    assert.ok(!("kind" in decision));
    assert.deepEqual([decision.token, token], ["ci", "ci"]);
  }
  const unknown = { decision: { kind: "unauthorized", lacks: "known_token" }, token: undefined };
  for (const wrong of [secretOf("c"), word, digestOf(ci), `${ci}, Bearer ${ci}`, ""]) {
    assert.deepEqual(ask(access, bearer(wrong)), unknown, wrong);
  }
  assert.deepEqual(
    ask(access, [["authorization", `Bearer ${ci}`], ["authorization", `Bearer ${ci}`]]),
    unknown,
  );
});

Deno.test("createAccess() admits a token up to the time when it expires", () => {
  let now = 0;
  const access = createAccess({
    passwordDigest: undefined,
    tokens: [grantOf("ci", ci, { expiresMs: 1000, scopes: ["status"], addresses: [] })],
    now: () => now,
  });
  now = 999;
  assert.equal(ask(access, bearer(ci)).token, "ci");
  assert.notDeepEqual(ask(access, bearer(ci)).decision, {
    kind: "unauthorized",
    lacks: "valid_token",
  });
  now = 1000;
  assert.deepEqual(ask(access, bearer(ci)), {
    decision: { kind: "unauthorized", lacks: "valid_token" },
    token: "ci",
  });
});

Deno.test("createAccess() refuses a token from another address, then one without the scope", () => {
  const access = createAccess({
    passwordDigest: undefined,
    tokens: [grantOf("ci", ci, { scopes: ["status"], addresses: ["10.0.0.0/8"] })],
  });
  const decide = (asking: Asking) => ask(access, bearer(ci), asking).decision;
  const forbidden = { kind: "forbidden", token: "ci" };
  assert.deepEqual(decide({ from: "192.0.2.1" }), { ...forbidden, from: "192.0.2.1" });
  assert.deepEqual(decide({}), { ...forbidden, from: undefined });
  assert.deepEqual(decide({ from: "10.0.0.1" }), { ...forbidden, scope: "submit" });
  assert.ok(!("kind" in decide({ from: "10.0.0.1", scope: "status" })));
  // Behind a trusted proxy the client's address counts, and not the proxy's.
  const behind = (address: string | undefined) =>
    decide({ from: "10.0.0.1", scope: "status", forwarded: { address } });
  assert.deepEqual(behind("192.0.2.1"), { ...forbidden, from: "192.0.2.1" });
  assert.deepEqual(behind(undefined), { ...forbidden, from: undefined });
  assert.ok(!("kind" in behind("::ffff:10.9.9.9")));
});

Deno.test("createAccess() limits a token to its commands", () => {
  const access = createAccess({
    passwordDigest: undefined,
    tokens: [grantOf("ci", ci, { commands: ["pdf"] }), grantOf("all", secretOf("b"))],
  });
  const mayRun = (secret: string, command: string) => {
    const { decision } = ask(access, bearer(secret));
    return !("kind" in decision) && decision.mayRun(command);
  };
  assert.deepEqual(["pdf", "octave"].map((name) => mayRun(ci, name)), [true, false]);
  assert.deepEqual(["pdf", "octave"].map((name) => mayRun(secretOf("b"), name)), [true, true]);
});

Deno.test("createAccess() with tokens takes the password for a token with all scopes, and ignores it beside a token", () => {
  const tokens = [grantOf("ci", ci)];
  const access = createAccess({ passwordDigest, tokens });
  const right = { "x-jr-password": "p" };
  for (const scope of allScopes) {
    for (const more of [{}, { authorization: "Basic YTpi" }] as Record<string, string>[]) {
      const { decision, token } = ask(access, { ...right, ...more }, { scope });
      assert.ok(!("kind" in decision) && decision.mayRun("anything"));
      assert.deepEqual([decision.token, token], ["password", "password"]);
    }
  }
  assert.equal(ask(access, { "x-jr-password": "wrong", ...bearer(ci) }).token, "ci");
  const lacking = (headers: HeadersInit, from = access) => {
    const { decision, token } = ask(from, headers);
    assert.equal(token, undefined);
    return "kind" in decision && decision.kind === "unauthorized" && decision.lacks;
  };
  assert.equal(lacking({ ...right, ...bearer(secretOf("b")) }), "known_token");
  assert.equal(lacking({ ...right, authorization: "Bearer" }), "known_token");
  assert.equal(lacking({ "x-jr-password": "wrong" }), "password");
  assert.equal(lacking({}), "token");
  assert.equal(lacking({ authorization: "Basic YTpi" }), "token");
  const withoutPassword = createAccess({ passwordDigest: undefined, tokens });
  assert.equal(lacking(right, withoutPassword), "password");
  assert.equal(lacking({}, withoutPassword), "token");
});

Deno.test("a request that is not admitted gets the challenges of RFC 6750 and of the password, and its connection is closed", async () => {
  const { post, send } = setUp({
    password: "p",
    tokens: [
      grantOf("ci", ci, { expiresMs: 0 }),
      grantOf("watch", secretOf("b"), { scopes: ["metrics"] }),
    ],
  });
  const password = 'X-JR-PASSWORD realm="jobrunner"';
  const plain = `Bearer realm="jobrunner", ${password}`;
  const invalid = `Bearer realm="jobrunner", error="invalid_token", ${password}`;
  const insufficient = (scope: string) =>
    `Bearer realm="jobrunner", error="insufficient_scope", scope="${scope}"`;
  for (
    const [headers, status, challenge, sentence] of [
      [
        {},
        401,
        plain,
        "The request has neither a token nor a password: send Authorization: Bearer",
      ],
      [
        { "x-jr-password": "q" },
        401,
        plain,
        "Invalid password supplied in X-JR-PASSWORD header",
      ],
      [bearer(secretOf("c")), 401, invalid, "The token in the Authorization header is unknown"],
      [bearer(ci), 401, invalid, "The token in the Authorization header has expired"],
      [
        bearer(secretOf("b")),
        403,
        insufficient("submit"),
        "The token watch does not have the scope submit",
      ],
    ] as [Record<string, string>, number, string, string][]
  ) {
    const { status: answered, headers: got, text } = await post(job, headers);
    assert.equal(answered, status);
    assert.equal(got.get("www-authenticate"), challenge);
    assert.equal(got.get("connection"), "close");
    assert.equal(text, `${sentence}\n`);
  }
  const { status, headers } = await send("/status", { headers: bearer(secretOf("b")) });
  assert.deepEqual([status, headers.get("www-authenticate")], [403, insufficient("status")]);
});

Deno.test("a command cannot see its client's token", async () => {
  const specs: JobSpec[] = [];
  const { post, log } = setUp({
    tokens: [grantOf("ci", ci)],
    accessLog: true,
    submit(spec) {
      specs.push(spec);
      return Promise.resolve(ranOf(spec));
    },
  });
  for (const path of ["/payload", "/run"]) {
    assert.equal((await post(job, bearer(ci), path)).status, 200);
  }
  assert.deepEqual(specs.map(({ token }) => token), ["ci", "ci"]);
  assert.ok(!JSON.stringify([specs, log]).includes(ci));
});
