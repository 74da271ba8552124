/**
 * Tokens, from `token new` to a reload that removes one, with the real program.
 */

import assert from "node:assert/strict";
import { newToken } from "../../src/wire/tokens.ts";
import { type Answer, get, post, type Status } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import {
  fixture,
  type Program,
  type ProgramOptions,
  runProgram,
  startProgram,
} from "../support/program.ts";
import {
  commandTable,
  held,
  isReloaded,
  reloadBy,
  showToken,
  withFile,
} from "../support/reload.ts";
import { bearer, digestOf, tokenTable } from "../support/tokens.ts";

const submit = 'scopes = ["submit"]';

/** A server without a configuration file, whose tokens tests replace. */
interface Served extends AsyncDisposable {
  readonly program: Program;
  readonly url: string;
  /** Folder for files of the test. */
  readonly folder: string;
  /** Replaces the tokens file at once. */
  write(toml: string): void;
  /** The same, and sends SIGHUP; resolves with the lines of this reload. */
  reload(toml: string): Promise<readonly string[]>;
  /** Posts a job with a token, or without one. */
  run(token: string | undefined, script?: string, id?: string): Promise<Answer>;
}

async function serve(
  toml: string,
  { env = {}, ...options }: ProgramOptions = {},
): Promise<Served> {
  const temporary = temporaryFolder();
  const folder = temporary.path;
  const file = `${folder}/tokens.toml`;
  Deno.writeTextFileSync(file, toml);
  const program = await startProgram({
    ...options,
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_TOKENS_FILE: file, ...env },
  });
  const { url, pid } = program;
  function write(text: string): void {
    Deno.writeTextFileSync(`${file}.new`, text);
    Deno.renameSync(`${file}.new`, file);
  }
  return {
    program,
    url,
    folder,
    write,
    reload: (text) =>
      reloadBy(() => {
        write(text);
        Deno.kill(pid, "SIGHUP");
      }, program),
    run: (token, script = "exit 0", id = "test") =>
      post(url, script, { id, headers: token === undefined ? {} : bearer(token) }),
    async [Symbol.asyncDispose]() {
      await program.stop();
      temporary[Symbol.dispose]();
    },
  };
}

/** What a client gets at some paths with a token, or without one. */
async function statusesOf(url: string, token: string | undefined) {
  const init = token === undefined ? {} : { headers: bearer(token) };
  const at = async (path: string) => (await get(url + path, init)).status;
  return {
    payload: (await post(url, "exit 0", init)).status,
    status: await at("/status"),
    metrics: await at("/metrics"),
    livez: await at("/livez"),
    version: await at("/version"),
  };
}

Deno.test("what token new prints is what the server and send take", async () => {
  const made = await runProgram({ args: ["token", "new", "ci"] });
  assert.equal(made.code, 0, made.stderr);
  const token = made.stdout.trimEnd();
  assert.ok(made.stderr.includes(digestOf(token)), made.stderr);
  await using served = await serve(made.stderr);
  const { url, folder } = served;
  assert.equal((await served.run(token)).status, 200);
  assert.equal((await served.run(newToken())).status, 401);

  const tokenFile = `${folder}/token`;
  const send = async (text: string) => {
    Deno.writeTextFileSync(tokenFile, text);
    return await runProgram({
      args: ["send", "--url", url, "--token-file", tokenFile, "-"],
      stdin: new TextEncoder().encode("echo sent"),
    });
  };
  assert.deepEqual(await send(made.stdout), { code: 0, stdout: "sent\n", stderr: "" });
  const refused = await send(newToken());
  assert.equal(refused.code, 77, refused.stderr);
});

Deno.test("a token opens the paths of its scopes, the password all, and no token none of them", async () => {
  const [ci, reader, scraper] = [newToken(), newToken(), newToken()];
  await using served = await serve(
    tokenTable("ci", ci, submit) + tokenTable("reader", reader, 'scopes = ["status"]') +
      tokenTable("scraper", scraper, 'scopes = ["metrics"]'),
    { env: { JOBRUNNER_PASSWORD: "right" } },
  );
  const { url } = served;
  const open = { livez: 200, version: 200 };
  for (
    const [token, expected] of [
      [undefined, { payload: 401, status: 401, metrics: 401, ...open }],
      [newToken(), { payload: 401, status: 401, metrics: 401, ...open }],
      [ci, { payload: 200, status: 403, metrics: 403, ...open }],
      [reader, { payload: 403, status: 200, metrics: 403, ...open }],
      [scraper, { payload: 403, status: 403, metrics: 200, ...open }],
    ] as const
  ) assert.deepEqual(await statusesOf(url, token), expected);

  const headers = { "X-JR-PASSWORD": "right" };
  assert.equal((await post(url, "exit 0", { headers })).status, 200);
  assert.equal((await get(`${url}/status`, { headers })).status, 200);
  assert.equal((await get(`${url}/metrics`, { headers })).status, 200);
  const both = { ...headers, ...bearer(newToken()) };
  assert.equal((await post(url, "exit 0", { headers: both })).status, 401);
});

Deno.test("a token runs the commands that it may, and is told of no others", async () => {
  using folder = temporaryFolder();
  const [some, all] = [newToken(), newToken()];
  const tokens = `${folder.path}/tokens.toml`;
  Deno.writeTextFileSync(
    tokens,
    tokenTable("some", some, submit, 'commands = ["a"]') + tokenTable("all", all, submit),
  );
  const toml = `tokens_file = "${tokens}"\n${commandTable("a", "a")}${commandTable("b", "b")}`;
  await withFile(toml, async ({ url, program }) => {
    const run = (token: string, command: string) =>
      post(url, showToken, { command, headers: bearer(token) });
    assert.equal((await run(some, "a")).output, "a a\n");
    assert.equal((await run(all, "b")).output, "b b\n");
    const forbidden = await run(some, "b");
    assert.equal(forbidden.status, 403);
    assert.match(forbidden.text, /The token some may not run the command b/);
    assert.equal((await run(some, "c")).status, 403);
    assert.equal((await run(all, "c")).status, 404);
    assert.match(await program.line("command_forbidden"), / token=some( |$)/);
  });
});

Deno.test("the log and /status name the token of a job", async () => {
  const [ci, reader] = [newToken(), newToken()];
  await using served = await serve(
    tokenTable("ci", ci, submit) + tokenTable("reader", reader, 'scopes = ["status"]'),
    { env: { JOBRUNNER_ACCESS_LOG: "on" } },
  );
  const { url, folder, program } = served;
  const running = held(folder, "running");
  const answer = served.run(ci, running.script, "named");
  await fileExists(running.started);
  const { text } = await get(`${url}/status`, { headers: bearer(reader) });
  const { worker_states }: Status = JSON.parse(text);
  assert.deepEqual(
    worker_states.filter(({ state }) => state === "running").map(({ id, token }) => [id, token]),
    [["named", "ci"]],
  );
  running.release();
  assert.equal((await answer).status, 200);
  assert.match(await program.line(" job ended "), / token=ci( |$)/);
  assert.match(await program.line("url.path=/payload"), / token=ci( |$)/);
  assert.equal((await served.run(reader)).status, 403);
  assert.match(await program.line("request refused"), / token=reader( |$)/);
});

/** A client that posts one job after another, until it is told to stop. */
interface Client {
  /** The token that the next request is sent with. */
  token: string;
  /** Waits until so many more requests, all of which begin after the call, were answered. */
  more(count: number): Promise<void>;
  /** Resolves with every status that was not 200. */
  stop(): Promise<readonly number[]>;
}

/** The most requests of a client: a test that fails must end, too. */
const mostRequests = 20_000;

function startClient(url: string, token: string): Client {
  const refused: number[] = [];
  let answered = 0;
  let isOver = false;
  const client: Client = {
    token,
    async more(count) {
      // One of them may have begun before.
      const goal = answered + count + 1;
      await eventually("more requests are answered", () => isOver || answered >= goal);
    },
    async stop() {
      isOver = true;
      await sending;
      return refused;
    },
  };
  const sending = (async () => {
    while (!isOver && answered < mostRequests) {
      const { status } = await post(url, "exit 0", { headers: bearer(client.token) });
      if (status !== 200) refused.push(status);
      answered++;
    }
    isOver = true;
  })();
  return client;
}

Deno.test("a token is replaced under load without a request that is refused", async () => {
  const [old, renewed] = [newToken(), newToken()];
  await using served = await serve(tokenTable("ci", old, submit));
  const clients = [1, 2, 3, 4].map(() => startClient(served.url, old));
  const more = () => Promise.all(clients.map((client) => client.more(5)));
  try {
    await more();
    assert.equal((await served.run(renewed)).status, 401);
    assert.ok(isReloaded(await served.reload(tokenTable("ci", [old, renewed], submit))));
    await more();
    for (const client of clients) client.token = renewed;
    await more();
    assert.ok(isReloaded(await served.reload(tokenTable("ci", renewed, submit))));
    await more();
    assert.equal((await served.run(old)).status, 401);
  } finally {
    const refused = await Promise.all(clients.map((client) => client.stop()));
    assert.deepEqual(refused.flat(), []);
  }
});

Deno.test("a reload of a server without a configuration file adds, changes and removes tokens, a running job's too", async () => {
  const [first, second] = [newToken(), newToken()];
  await using served = await serve(tokenTable("first", first, submit));
  const { url, folder, reload } = served;
  const running = held(folder, "running");
  const answer = served.run(first, running.script);
  await fileExists(running.started);
  assert.ok(isReloaded(await reload(tokenTable("second", second, 'scopes = ["status"]'))));
  assert.equal((await served.run(first)).status, 401);
  assert.equal((await statusesOf(url, second)).payload, 403);
  assert.equal((await statusesOf(url, second)).status, 200);
  assert.ok(isReloaded(await reload(tokenTable("second", second, submit))));
  assert.equal((await statusesOf(url, second)).payload, 200);
  assert.equal((await statusesOf(url, second)).status, 403);
  running.release();
  assert.equal((await answer).status, 200);
});

Deno.test("a tokens file that has changed is noticed without a signal, with and without a configuration file", async () => {
  const [first, second] = [newToken(), newToken()];
  const watch = { JOBRUNNER_CONFIG_WATCH_SEC: "0.02" };
  await using served = await serve(tokenTable("first", first, submit), { env: watch });
  const change = () => served.write(tokenTable("second", second, submit));
  assert.ok(isReloaded(await reloadBy(change, served.program)));
  assert.equal((await served.run(first)).status, 401);
  assert.equal((await served.run(second)).status, 200);

  using folder = temporaryFolder();
  const tokens = `${folder.path}/tokens.toml`;
  Deno.writeTextFileSync(tokens, tokenTable("first", first, submit));
  await withFile(commandTable("a", "a"), async ({ url, outcomeOf }) => {
    const statusWith = async (token: string) =>
      (await post(url, showToken, { command: "a", headers: bearer(token) })).status;
    assert.equal(await statusWith(first), 200);
    const lines = await outcomeOf(() =>
      Deno.writeTextFileSync(tokens, tokenTable("second", second, submit))
    );
    assert.ok(isReloaded(lines), lines.join("\n"));
    assert.equal(await statusWith(first), 401);
    assert.equal(await statusWith(second), 200);
  }, { env: { ...watch, JOBRUNNER_TOKENS_FILE: tokens } });
});

/** Tokens files with a fault, and what is said about it. */
const faults: readonly (readonly [what: string, toml: string, said: RegExp])[] = [
  ["no TOML", "[tokens.ci]\nsha256 = = \n", /tokens\.toml:2: must be valid TOML/],
  ["no token", "", /tokens\.toml.*\[tokens\.NAME\]/],
  ["no digest", `[tokens.ci]\n${submit}\n`, /tokens\.toml:1: tokens\.ci\.sha256/],
  ["no scopes", tokenTable("ci", newToken()), /tokens\.toml:1: tokens\.ci\.scopes/],
  [
    "an unknown scope",
    tokenTable("ci", newToken(), 'scopes = ["all"]'),
    /tokens\.toml:3: tokens\.ci\.scopes/,
  ],
  [
    "an unknown key",
    tokenTable("ci", newToken(), submit, "max_jobs = 1"),
    /tokens\.toml:4: tokens\.ci\.max_jobs/,
  ],
  [
    "an unknown command",
    tokenTable("ci", newToken(), submit, 'commands = ["pdf"]'),
    /tokens\.toml:4: tokens\.ci\.commands/,
  ],
  [
    "no address",
    tokenTable("ci", newToken(), submit, 'addresses = ["10.0.0.0/33"]'),
    /tokens\.toml:4: tokens\.ci\.addresses/,
  ],
  ["a reserved name", tokenTable("password", newToken(), submit), /tokens\.toml:1: .*password/],
];

Deno.test("a tokens file with a fault stops the start with exit status 2, and the fault has its line", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/tokens.toml`;
  for (const [what, toml, said] of faults) {
    Deno.writeTextFileSync(file, toml);
    const { code, stderr } = await runProgram({
      args: ["serve"],
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_HTTP_LISTEN_PORT: "0",
        JOBRUNNER_TOKENS_FILE: file,
      },
    });
    assert.equal(code, 2, `${what}: ${stderr}`);
    assert.match(stderr, said, what);
  }
});

Deno.test("a tokens file with a fault at a reload changes nothing, and the log says where it is", async () => {
  const token = newToken();
  const good = tokenTable("ci", token, submit);
  await using served = await serve(good);
  for (const [what, toml, said] of faults) {
    const lines = await served.reload(toml);
    assert.ok(!isReloaded(lines), what);
    assert.match(lines.join("\n"), said, what);
    assert.equal((await served.run(token)).status, 200, what);
  }
  assert.ok(isReloaded(await served.reload(good)));
});

Deno.test("a token that has expired is a warning at start and at a reload, and 401 in use", async () => {
  const [old, token] = [newToken(), newToken()];
  const expired = tokenTable("old", old, submit, "expires = 2020-01-01");
  const good = tokenTable("ci", token, submit, "expires = 9999-01-01T00:00:00Z");
  await using served = await serve(expired + good);
  const warning = / WARN .*the token old has expired \(2020-01-01/;
  assert.match(await served.program.line("expired"), warning);
  const answer = await served.run(old);
  assert.equal(answer.status, 401);
  assert.match(answer.text, /has expired/);
  assert.match(answer.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  assert.equal((await served.run(token)).status, 200);
  const lines = await served.reload(good + expired);
  assert.ok(isReloaded(lines));
  assert.match(lines.join("\n"), warning);
});

Deno.test("beyond loopback and under any host name a server with tokens needs no password", async () => {
  const token = newToken();
  await using served = await serve(tokenTable("ci", token, submit), {
    env: { JOBRUNNER_HTTP_LISTEN_ADDRESS: "0.0.0.0" },
  });
  const { port } = new URL(served.url);
  const url = `http://127.0.0.1:${port}`;
  assert.ok(!served.program.log.some((line) => line.includes("ANYONE")));
  const statusWith = async (headers: Record<string, string>) =>
    (await post(url, "exit 0", { headers })).status;
  assert.equal(await statusWith(bearer(token)), 200);
  assert.equal(await statusWith({ ...bearer(token), host: "other.example" }), 200);
  assert.equal(await statusWith({ host: "other.example" }), 401);
});

Deno.test("tokens cannot be turned on or off without a restart", async () => {
  using folder = temporaryFolder();
  const token = newToken();
  const tokens = `${folder.path}/tokens.toml`;
  Deno.writeTextFileSync(tokens, tokenTable("ci", token, submit));
  const a = commandTable("a", "a");
  const withTokens = `tokens_file = "${tokens}"\n${a}`;
  for (const [from, to, status] of [[withTokens, a, 401], [a, withTokens, 200]] as const) {
    await withFile(from, async ({ run, reload }) => {
      const lines = (await reload(to)).join("\n");
      assert.match(lines, /JOBRUNNER_TOKENS_FILE.*restart/);
      assert.match(lines, /not reloaded/);
      assert.equal((await run("a", showToken)).status, status);
    });
  }
});
