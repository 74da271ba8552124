import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Scope } from "../../src/wire/resources.ts";
import { type KnownToken, newToken } from "../../src/wire/tokens.ts";
import { job, setUp } from "../support/routes.ts";

const digestOf = (token: string) => createHash("sha256").update(token).digest("hex");

/** Time 0 is the present of these routes. */
const soon = 1;

/** The tokens of the matrix, by their names. */
const kinds = {
  submitter: { scopes: ["submit"] },
  reader: { scopes: ["status"] },
  scraper: { scopes: ["metrics"] },
  everything: { scopes: ["submit", "status", "metrics"], expiresMs: soon },
  pdfonly: { scopes: ["submit"], commands: ["pdf"] },
  expired: { scopes: ["submit", "status", "metrics"], expiresMs: 0 },
  elsewhere: { scopes: ["submit", "status", "metrics"], addresses: ["10.0.0.0/8"] },
} as const satisfies Readonly<Record<string, Partial<KnownToken>>>;

const secrets = new Map(Object.keys(kinds).map((name) => [name, newToken()]));

const tokens: readonly KnownToken[] = Object.entries(kinds).map(([name, kind]) => ({
  name,
  digests: [digestOf(newToken()), digestOf(secrets.get(name) ?? "")],
  commands: undefined,
  expiresMs: Infinity,
  addresses: undefined,
  ...kind as Pick<KnownToken, "scopes"> & Partial<KnownToken>,
}));

/** What a request shows, and what the answer is for each scope that a path may want; `command` only for jobs. */
interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly submit: number;
  readonly status: number;
  readonly metrics: number;
  /** Whether it may run the command `octave`. */
  readonly octave?: number;
}

const bearer = (name: string) => ({ authorization: `Bearer ${secrets.get(name)}` });
const all = { submit: 200, status: 200, metrics: 200 };
const none = { submit: 401, status: 401, metrics: 401 };

const matrix: Readonly<Record<string, Credentials>> = {
  "nothing": { headers: {}, ...none },
  "an unknown token": { headers: { authorization: `Bearer ${newToken()}` }, ...none },
  "a token of another form": { headers: { authorization: "Bearer secret" }, ...none },
  "an empty token": { headers: { authorization: "Bearer " }, ...none },
  "two tokens": {
    headers: { authorization: `Bearer ${secrets.get("everything")}, Bearer x` },
    ...none,
  },
  "another scheme": { headers: { authorization: `Basic ${secrets.get("everything")}` }, ...none },
  "a wrong password": { headers: { "x-jr-password": "wrong" }, ...none },
  "the password": { headers: { "x-jr-password": "right" }, name: "password", ...all },
  "the password beside another scheme": {
    headers: { "x-jr-password": "right", authorization: "Basic eDp5" },
    name: "password",
    ...all,
  },
  "the password beside an unknown token": {
    headers: { "x-jr-password": "right", authorization: `Bearer ${newToken()}` },
    ...none,
  },
  "a token beside a wrong password": {
    headers: { "x-jr-password": "wrong", ...bearer("everything") },
    name: "everything",
    ...all,
  },
  "a token for all scopes": { headers: bearer("everything"), name: "everything", ...all },
  "a token after the scheme in lower case": {
    headers: { authorization: `bearer  ${secrets.get("everything")}` },
    name: "everything",
    ...all,
  },
  "a token to submit": {
    headers: bearer("submitter"),
    name: "submitter",
    submit: 200,
    status: 403,
    metrics: 403,
  },
  "a token for the status": {
    headers: bearer("reader"),
    name: "reader",
    submit: 403,
    status: 200,
    metrics: 403,
  },
  "a token for the metrics": {
    headers: bearer("scraper"),
    name: "scraper",
    submit: 403,
    status: 403,
    metrics: 200,
  },
  "a token for one command": {
    headers: bearer("pdfonly"),
    name: "pdfonly",
    submit: 200,
    status: 403,
    metrics: 403,
    octave: 403,
  },
  "an expired token": { headers: bearer("expired"), name: "expired", ...none },
  "a token from another address": {
    headers: bearer("elsewhere"),
    name: "elsewhere",
    submit: 403,
    status: 403,
    metrics: 403,
  },
};

const pages: readonly (readonly [path: string, scope: Scope | "open"])[] = [
  ["/", "open"],
  ["/livez", "open"],
  ["/readyz", "open"],
  ["/version", "open"],
  ["/status", "status"],
  ["/commands", "status"],
  ["/metrics", "metrics"],
];

const commands = { pdf: {}, octave: {} };
const set = { tokens, password: "right", commands, defaultCommand: "pdf" };

for (const [what, credentials] of Object.entries(matrix)) {
  const { headers, name, submit, octave = submit } = credentials;

  Deno.test(`with ${what}, each page answers as its scope says`, async () => {
    const { send, log } = setUp(set);
    for (const [path, scope] of pages) {
      const expected = scope === "open" ? 200 : credentials[scope];
      for (const method of ["GET", "HEAD"]) {
        const { status } = await send(path, { method, headers });
        assert.equal(status, expected, `${method} ${path}`);
      }
      assert.equal((await send(path, { method: "OPTIONS", headers })).status, 204);
    }
    for (const [, fields] of log) assert.equal(fields?.["token"], name);
  });

  Deno.test(`with ${what}, jobs are admitted as the token says, in the order 401, 403, 404`, async () => {
    const { post, log, doors, rejected } = setUp(set);
    for (const path of ["/payload", "/run"]) {
      const expected = [
        ["", submit],
        ["/pdf", submit],
        ["/octave", octave],
        ["/nosuch", submit === 200 ? (octave === 403 ? 403 : 404) : submit],
      ] as const;
      for (const [below, status] of expected) {
        if (path === "/run" && status === 200) continue;
        const answer = await post(job, headers, path + below);
        assert.equal(answer.status, status, `POST ${path}${below}: ${answer.text}`);
      }
    }
    assert.equal(doors.opened, doors.released);
    for (const [, fields] of log) assert.equal(fields?.["token"], name);
    const reasons = new Set(rejected);
    assert.equal(reasons.has("unauthorized"), submit === 401);
    assert.equal(reasons.has("forbidden"), submit === 403 || octave === 403);
  });
}

/** The code, the sentence and the challenges of a refusal of `POST /payload` with these headers. */
async function refusal(headers: Record<string, string>, path = "/payload", more = {}) {
  const { post } = setUp({ ...set, ...more });
  const answer = await post(job, { accept: "application/problem+json", ...headers }, path);
  const { code, detail } = JSON.parse(answer.text);
  return [answer.status, code, detail, answer.headers.get("www-authenticate")];
}

const both = 'Bearer realm="jobrunner", X-JR-PASSWORD realm="jobrunner"';
const invalid = 'Bearer realm="jobrunner", error="invalid_token", X-JR-PASSWORD realm="jobrunner"';

Deno.test("a refusal says what is wrong with the credentials, and how to send them", async () => {
  assert.deepEqual(await refusal({}), [
    401,
    "unauthorized",
    "The request has neither a token nor a password: send Authorization: Bearer",
    both,
  ]);
  assert.deepEqual(await refusal({ "x-jr-password": "x" }), [
    401,
    "unauthorized",
    "Invalid password supplied in X-JR-PASSWORD header",
    both,
  ]);
  assert.deepEqual(await refusal({ authorization: "Bearer x" }), [
    401,
    "unauthorized",
    "The token in the Authorization header is unknown",
    invalid,
  ]);
  assert.deepEqual(await refusal(bearer("expired")), [
    401,
    "unauthorized",
    "The token in the Authorization header has expired",
    invalid,
  ]);
});

Deno.test("a refusal names the scope, the address or the command that the token lacks", async () => {
  assert.deepEqual(await refusal(bearer("reader")), [
    403,
    "forbidden",
    "The token reader does not have the scope submit",
    'Bearer realm="jobrunner", error="insufficient_scope", scope="submit"',
  ]);
  const proxied = { trustedProxies: ["127.0.0.1"] };
  assert.deepEqual((await refusal(bearer("elsewhere"), "/payload", proxied)).slice(0, 3), [
    403,
    "forbidden",
    "The token elsewhere may not be used from an unknown address",
  ]);
  assert.deepEqual(await refusal(bearer("pdfonly"), "/payload/octave"), [
    403,
    "command_forbidden",
    "The token pdfonly may not run the command octave",
    null,
  ]);
  assert.deepEqual(
    (await refusal(bearer("pdfonly"), "/payload/No%20such"))[2],
    "The token pdfonly may not run this command",
  );
});

Deno.test("a 404 lists only the commands that the token may run", async () => {
  assert.deepEqual((await refusal(bearer("submitter"), "/payload/no")).slice(1, 3), [
    "unknown_command",
    "There is no command no: there are octave, pdf",
  ]);
  assert.deepEqual(
    (await refusal(bearer("pdfonly"), "/run", { defaultCommand: undefined })).slice(1, 3),
    [
      "no_default_command",
      "There is no default command: jobs go to POST /run/pdf",
    ],
  );
});

Deno.test("a request with a wrong token is refused before its body is read", async () => {
  const { send } = setUp(set);
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
  const { status } = await send("/payload", {
    method: "POST",
    body,
    headers: { authorization: "Bearer x" },
  });
  assert.deepEqual([status, pulled], [401, 0]);
});

Deno.test("without tokens, an Authorization header changes nothing", async () => {
  const headers = { authorization: `Bearer ${newToken()}` };
  const { post, send } = setUp();
  assert.equal((await post(job, headers)).status, 200);
  for (const path of ["/status", "/metrics"]) {
    assert.equal((await send(path, { headers })).status, 200);
  }
  assert.equal((await setUp({ password: "x" }).post(job, headers)).status, 401);
});
