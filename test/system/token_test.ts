/**
 * `jobrunner token` and `send --token-file` of the real program.
 */

import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { tokenKeys } from "../../src/config/file/tokens.ts";
import { isToken, newToken } from "../../src/wire/tokens.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type Exit, runProgram } from "../support/program.ts";
import { formAnswer, problemAnswer, startRunServer } from "../support/run_server.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("token new writes the token alone to stdout, and its table with the digest to stderr", async () => {
  const made = await Promise.all([1, 2].map(() => runProgram({ args: ["token", "new", "ci"] })));
  for (const { code, stdout, stderr } of made) {
    assert.equal(code, 0, stderr);
    const token = stdout.slice(0, -1);
    assert.equal(stdout, `${token}\n`);
    assert.ok(isToken(token), token);
    const digest = await crypto.subtle.digest("SHA-256", utf8(token));
    assert.deepEqual(JSON.parse(JSON.stringify(parse(stderr))), {
      tokens: { ci: { sha256: new Uint8Array(digest).toHex(), scopes: ["submit"] } },
    });
    assert.ok(!stderr.includes(token));
    for (const key of tokenKeys) assert.match(stderr, new RegExp(`\\b${key} = `), key);
  }
  assert.notEqual(made[0]?.stdout, made[1]?.stdout);
});

Deno.test("token exits with 2 and one line on wrong usage, and shows no token", async () => {
  const secret = newToken();
  const cases: [string[], RegExp][] = [
    [[], /the first argument: must be new/],
    [[secret], /the first argument: must be new/],
    [["new"], /NAME: must be a token's name: a lower-case letter/],
    [["new", secret], /NAME: must be a token's name: a lower-case letter/],
    [["new", "CI"], /NAME: must be a token's name: a lower-case letter/],
    [["new", "password"], /NAME: must be another one than password/],
    [["new", "ci", secret], /NAME: must be the last argument/],
    [["new", "ci", "--scopes", secret], /--scopes: must be a flag of jobrunner token/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stdout, stderr } = await runProgram({ args: ["token", ...args] });
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, /^jobrunner token: [^\n]+: see jobrunner token --help\n$/);
    assert.match(stderr, sentence);
    assert.ok(!stderr.includes(secret), stderr);
  }
});

Deno.test("token --help prints the usage, which fits a terminal of 100 columns", async () => {
  const { code, stdout, stderr } = await runProgram({ args: ["token", "new", "--help"] });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^usage: jobrunner token new NAME\n/);
  for (const line of stdout.split("\n")) assert.ok(line.length <= 100, line);
  assert.deepEqual(await runProgram({ args: ["token", "-h"] }), { code, stdout, stderr });
});

Deno.test("token new exits with 1 if the token or its table is lost", async () => {
  for (const redirection of [">&-", ">/dev/null", ">/dev/full", "2>/dev/full"]) {
    const { code, stderr } = await runProgram({
      args: ["token", "new", "ci"],
      through: ["sh", "-c", `exec "$0" "$@" ${redirection}`],
    });
    assert.equal(code, 1, redirection);
    if (redirection.startsWith("2")) continue;
    assert.match(stderr, /^jobrunner token: standard output or error: cannot be written: .+\n$/);
    assert.doesNotMatch(stderr, /sha256/);
  }
});

/** Runs `send` with this token in a file, and with a password in a variable. */
async function send(url: string, token: string, ...more: string[]): Promise<Exit> {
  using folder = temporaryFolder();
  const file = `${folder.path}/token`;
  Deno.writeTextFileSync(file, `${token}\n`);
  return await runProgram({
    args: ["send", "--url", url, "--token-file", file, "-", ...more],
    env: { JOBRUNNER_PASSWORD: "hunter2" },
    stdin: utf8("payload"),
  });
}

Deno.test("send --token-file sends the token and no password, at every try and by either path", async () => {
  const token = newToken();
  const result = '{"data":"","exit_status":3,"output":"","error":""}';
  await using server = startRunServer(({ target }, number) => {
    if (target.startsWith("/payload")) return new Response(result);
    return number === 1
      ? problemAnswer(503, "queue_full", "full")
      : problemAnswer(404, "not_found", "nothing here");
  });
  assert.equal((await send(server.url, token, "--retry", "1")).code, 3);
  assert.deepEqual(
    server.requests.map(({ headers }) =>
      ["authorization", "x-jr-password"].map((name) => headers.get(name))
    ),
    Array(3).fill([`Bearer ${token}`, null]),
  );
});

Deno.test("send exits with 77 after 401 and 403, and hides the token if a server repeats it", async () => {
  const token = newToken();
  for (
    const [status, code, detail] of [
      [401, "unauthorized", "The token in the Authorization header is unknown"],
      [403, "forbidden", "The token ci does not have the scope submit"],
      [403, "command_forbidden", "The token ci may not run the command pdf"],
    ] as const
  ) {
    await using server = startRunServer(({ headers }) =>
      problemAnswer(status, code, `${detail}: ${headers.get("authorization")}`)
    );
    assert.deepEqual(await send(server.url, token, "--retry", "3"), {
      code: 77,
      stdout: "",
      stderr: `jobrunner send: ${status}: ${detail}: Bearer ***\n`,
    });
    assert.equal(server.requests.length, 1);
  }
});

Deno.test("send does not follow a redirect, so the token stays with the named server", async () => {
  await using other = startRunServer(() => formAnswer({}));
  await using redirecting = startRunServer(() =>
    new Response(null, { status: 307, headers: { location: `${other.url}/run` } })
  );
  const { code, stderr } = await send(redirecting.url, newToken());
  assert.equal(code, 76);
  assert.match(stderr, /it redirects to http:\/\/127\.0\.0\.1:\d+\/run\n$/);
  assert.equal(other.requests.length, 0);
});
