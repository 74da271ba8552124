/**
 * The program never shows a token: it is searched for in everything that the program prints, answers and passes on. Neither are
 * the digests shown that the tokens file has.
 */

import assert from "node:assert/strict";
import { type Attempt, findingsOf, saidIn, wrongUsage } from "../support/attempts.ts";
import { type Canary, formsIn, newCanary, newTokenCanary } from "../support/canary.ts";
import { base64 } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { fixture, startProgram } from "../support/program.ts";
import { bearer, digestOf, tokenTable } from "../support/tokens.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };
const utf8 = (text: string) => new TextEncoder().encode(text);
const submit = 'scopes = ["submit"]';

/** Shows the environment of every process that a command may look at, in every way that a command has. */
const printEnvironments =
  'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" >"$JOBRUNNER_RESPONSE_DATA_FN"; ' +
  "env; env >&2; exit 3";

Deno.test("serve shows no token and no digest in its log, answers, pages and processes' environments", async () => {
  using folder = temporaryFolder();
  const [all, few, old, unknown] = [1, 2, 3, 4].map(newTokenCanary) as [
    Canary,
    Canary,
    Canary,
    Canary,
  ];
  const malformed = newCanary();
  const secrets = { all, few, old, unknown, malformed };
  const tokensFile = `${folder.path}/tokens.toml`;
  Deno.writeTextFileSync(
    tokensFile,
    tokenTable(
      "all",
      [all.text, newTokenCanary().text],
      'scopes = ["submit", "status", "metrics"]',
    ) +
      tokenTable("few", few.text, submit, 'addresses = ["192.0.2.0/24"]') +
      tokenTable("old", old.text, submit, "expires = 2020-01-01"),
  );
  const sessions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "text": {},
    "JSON, beside a password, sandbox off": {
      JOBRUNNER_LOG_FORMAT: "json",
      JOBRUNNER_PASSWORD: "right",
      JOBRUNNER_SANDBOX: "off",
    },
  };
  const findings: string[] = [];
  for (const [name, env] of Object.entries(sessions)) {
    await using program = await startProgram({
      env: {
        ...shell,
        JOBRUNNER_LOG_LEVEL: "debug",
        JOBRUNNER_ACCESS_LOG: "on",
        JOBRUNNER_TOKENS_FILE: tokensFile,
        ...env,
      },
    });
    let answers = "";
    const ask = async (path: string, init: RequestInit) =>
      answers += await saidIn(await fetch(program.url + path, init));
    const job = JSON.stringify({ id: "x", data: base64(printEnvironments) });
    for (const { text } of Object.values(secrets)) {
      for (const accept of ["text/plain", "application/json"]) {
        const headers = { accept, ...bearer(text) };
        await ask("/payload", { method: "POST", body: job, headers });
        await ask("/payload", { method: "POST", body: "{", headers });
        await ask("/run", { method: "POST", body: printEnvironments, headers });
        for (const path of ["/status", "/metrics", "/version", "/nowhere"]) {
          await ask(path, { headers });
        }
        await ask("/status", { headers: { accept, authorization: `bearer  ${text} ` } });
        await ask("/status", { headers: { accept, authorization: `Basic ${base64(`:${text}`)}` } });
      }
    }
    await program.stop();
    const log = program.log.join("\n");
    // The texts that were searched are the right ones.
    assert.match(answers, /^JOBRUNNER_CMD=/m, name);
    assert.match(answers, /^JOBRUNNER_TOKENS_FILE=/m, name);
    assert.match(answers, /^# TYPE jobrunner_/m, name);
    for (const event of ["request answered", "request refused", "job started", "job ended"]) {
      assert.ok(log.includes(event), `${name}: no ${event}:\n${log}`);
    }
    for (const [what, said] of Object.entries({ log, answers })) {
      for (const [which, secret] of Object.entries(secrets)) {
        const forms = await formsIn(said, secret);
        if (forms.length > 0) findings.push(`${name}: ${which} in ${what}: ${forms.join()}`);
      }
    }
  }
  assert.deepEqual(findings, []);
});

Deno.test("serve shows neither a token nor a digest of its tokens file, whatever is wrong with that", async () => {
  using folder = temporaryFolder();
  /** What stands in a tokens file, and whether the server can use it. */
  const files: Readonly<Record<string, readonly [isFine: boolean, toml: (c: Canary) => string]>> = {
    "its digest": [true, ({ text }) => tokenTable("ci", text, submit)],
    "its digest, in upper case": [
      true,
      ({ text }) => `[tokens.ci]\nsha256 = "${digestOf(text).toUpperCase()}"\n${submit}\n`,
    ],
    "an expired token": [
      true,
      ({ text }) => tokenTable("ci", text, submit, "expires = 2020-01-01"),
    ],
    "its digest, twice": [
      false,
      ({ text }) => tokenTable("a", text, submit) + tokenTable("b", text, submit),
    ],
    "its digest, twice in one token": [false, ({ text }) => tokenTable("a", [text, text], submit)],
    "its digest, too short": [
      false,
      ({ text }) => `[tokens.ci]\nsha256 = "${digestOf(text).slice(1)}"\n${submit}\n`,
    ],
    "its digest, after a prefix": [
      false,
      ({ text }) => `[tokens.ci]\nsha256 = "sha256:${digestOf(text)}"\n${submit}\n`,
    ],
    "its digest without scopes": [false, ({ text }) => tokenTable("ci", text)],
    "the token in place of the digest": [
      false,
      ({ text }) => `[tokens.ci]\nsha256 = "${text}"\n${submit}\n`,
    ],
    "the token among digests": [
      false,
      ({ text }) =>
        `[tokens.ci]\nsha256 = ["${digestOf(newTokenCanary().text)}", "${text}"]\n${submit}\n`,
    ],
    "a number in place of the digest": [
      false,
      () => `[tokens.ci]\nsha256 = 12345678901234567\n${submit}\n`,
    ],
    "the token as another key": [
      false,
      ({ text }) => `${tokenTable("ci", text, submit)}token = "${text}"\n`,
    ],
    "the token at the top": [
      false,
      ({ text }) => `token = "${text}"\n${tokenTable("ci", text, submit)}`,
    ],
    "the token in place of a table": [false, ({ text }) => `[tokens]\nci = "${text}"\n`],
    "the token alone": [false, ({ text }) => `${text}\n`],
    "the token without quotation marks": [
      false,
      ({ text }) => `[tokens.ci]\nsha256 = ${text}\n${submit}\n`,
    ],
    "an unfinished text": [false, ({ text }) => `[tokens.ci]\nsha256 = "${text}\n${submit}\n`],
    "a text that goes on": [
      false,
      ({ left, right }) => `[tokens.ci]\nsha256 = "${left}" ${right}\n${submit}\n`,
    ],
    "an unknown escape": [
      false,
      ({ left, right }) => `[tokens.ci]\nsha256 = "${left}\\q${right}"\n${submit}\n`,
    ],
    "a control character": [
      false,
      ({ left, right }) => `[tokens.ci]\nsha256 = "${left}\x1b${right}"\n${submit}\n`,
    ],
  };
  const attempts = Object.entries(files).flatMap(([name, [isFine, toml]], at): Attempt[] => {
    const canary = newTokenCanary();
    const file = `${folder.path}/${at}.toml`;
    Deno.writeTextFileSync(file, toml(canary));
    const env = { ...shell, JOBRUNNER_HTTP_LISTEN_PORT: "0", JOBRUNNER_TOKENS_FILE: file };
    const secrets = [canary];
    const check: Attempt = {
      name: `serve --check: ${name}`,
      args: ["serve", "--check"],
      env,
      codes: [isFine ? 0 : 2],
      secrets,
    };
    return isFine ? [check] : [check, { name: `serve: ${name}`, env, codes: [2], secrets }];
  });
  assert.deepEqual(await findingsOf(attempts), []);
});

Deno.test("send shows no token, whatever its file holds", async () => {
  using folder = temporaryFolder();
  const contents: Readonly<Record<string, readonly [code: number, of: (c: Canary) => string]>> = {
    "plain": [69, ({ text }) => `${text}\n`],
    "CR": [69, ({ text }) => `${text}\r\n`],
    "an inner newline": [66, ({ left, right }) => `${left}\n${right}\n`],
    "an inner blank": [66, ({ left, right }) => `${left} ${right}\n`],
    "a header": [66, ({ text }) => `Authorization: Bearer ${text}\n`],
    "a table": [66, ({ text }) => `[tokens.ci]\ntoken = "${text}"\n`],
    "an escape": [66, ({ left, right }) => `${left}\x1b[2J${right}`],
    "NUL": [66, ({ left, right }) => `${left}\0${right}`],
    "no ASCII": [66, ({ left, right }) => `${left}ä${right}`],
    "too large": [66, ({ text }) => text.repeat(200)],
  };
  const url = `http://127.0.0.1:${freePort()}`;
  const attempts = Object.entries(contents).map(([name, [code, of]], at): Attempt => {
    const canary = newTokenCanary();
    const file = `${folder.path}/${at}`;
    Deno.writeTextFileSync(file, of(canary));
    return {
      name,
      args: ["send", "--url", url, "--token-file", file, "/dev/null"],
      codes: [code],
      secrets: [canary],
    };
  });
  assert.deepEqual(await findingsOf(attempts), []);
});

Deno.test("no subcommand repeats a token that is given on the command line", async () => {
  const attempt = (args: (secret: string) => string[]) => wrongUsage(newTokenCanary(), args);
  assert.deepEqual(
    await findingsOf([
      ...["serve", "send", "token"].flatMap((subcommand) => [
        attempt((secret) => [subcommand, `--token=${secret}`]),
        attempt((secret) => [subcommand, "--token", secret, "/dev/null"]),
      ]),
      attempt((secret) => ["send", "--token-file", secret, "/dev/null"]),
      attempt((secret) => ["send", `--token-file=${secret}`, "/dev/null"]),
      attempt((secret) => ["token", secret]),
      attempt((secret) => ["token", "new", secret]),
      attempt((secret) => ["token", "new", "ci", secret]),
    ]),
    [],
  );
});

Deno.test("send does not show its token when another server repeats it", async () => {
  using folder = temporaryFolder();
  const canary = newTokenCanary();
  const file = `${folder.path}/token`;
  Deno.writeTextFileSync(file, canary.text);
  await using echo = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ url, headers, body }) => {
      await body?.pipeTo(new WritableStream());
      const status = Number(new URL(url).pathname.split("/")[1]);
      return new Response(utf8(`one\ntwo ${headers.get("authorization")} `), { status });
    },
  );
  const exits: Readonly<Record<number, number>> = {
    200: 76,
    302: 76,
    400: 65,
    401: 77,
    403: 77,
    404: 76,
    500: 70,
    503: 75,
  };
  assert.deepEqual(
    await findingsOf(
      Object.entries(exits).map(([status, code]) => ({
        name: `a stranger says ${status}`,
        args: [
          ...["send", "--url", `http://127.0.0.1:${echo.addr.port}/${status}`],
          ...["--token-file", file, "/dev/null"],
        ],
        codes: [code],
        secrets: [canary],
      })),
    ),
    [],
  );
});
