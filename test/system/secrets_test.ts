/**
 * The program never shows a secret: each is planted, in well-formed and in malformed ways, and everything that the
 * program prints, answers and passes on is searched for it.
 */

import assert from "node:assert/strict";
import { type Attempt, findingsOf, saidIn, wrongUsage } from "../support/attempts.ts";
import { type Canary, canaryOf, formsIn, newCanary } from "../support/canary.ts";
import { base64 } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { credsOf, seedOf } from "../support/nats_files.ts";
import { freePort } from "../support/port.ts";
import { fixture, startProgram } from "../support/program.ts";
import { type RawServer, readRequest, startRawServer } from "../support/raw_server.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };
const utf8 = (text: string) => new TextEncoder().encode(text);
/** One character per byte (Latin-1). */
const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const utf16 = (text: string) => utf8(text.replace(/./gs, "$&\0"));
const mark = (...bytes: number[]) => Uint8Array.from(bytes);

/** What a password file or variable may hold; `isFine` if a header can carry it. */
const contents: readonly {
  readonly name: string;
  readonly isFine?: true;
  of(canary: Canary): Uint8Array<ArrayBuffer>;
}[] = [
  { name: "plain", isFine: true, of: ({ text }) => utf8(`${text}\n`) },
  { name: "UTF-8", isFine: true, of: ({ left, right }) => utf8(`${left}€ä${right}`) },
  {
    name: "a byte order mark",
    isFine: true,
    of: ({ text }) => utf8(`\ufeff${text}\r\n`),
  },
  { name: "an inner newline", of: ({ left, right }) => utf8(`${left}\n${right}\n`) },
  { name: "an inner CR", of: ({ left, right }) => utf8(`${left}\r${right}`) },
  { name: "NUL", of: ({ left, right }) => utf8(`${left}\0${right}`) },
  { name: "an escape", of: ({ left, right }) => utf8(`${left}\x1b[2J${right}`) },
  { name: "DEL", of: ({ left, right }) => utf8(`${left}\x7f${right}`) },
  { name: "blanks", of: ({ text }) => utf8(` ${text}\t\n`) },
  { name: "Latin-1", of: ({ left, right }) => bytesOf(`${left}\xe4${right}`) },
  {
    name: "UTF-16 with a mark",
    of: ({ text }) => new Uint8Array([...mark(0xff, 0xfe), ...utf16(text)]),
  },
  { name: "UTF-16 without one", of: ({ text }) => utf16(`${text}\r\n`) },
  { name: "too large", of: ({ text }) => utf8(text.repeat(200)) },
];

Deno.test("formsIn() finds a canary in each of its forms", async () => {
  const canary = newCanary();
  const { text, left } = canary;
  const hex = utf8(left).toHex();
  const letters = [...left];
  for (
    const said of [
      `error: ${text}!`,
      text.toLowerCase(),
      `${left} only`,
      letters.join("\0"),
      letters.join("\\u0000"),
      letters.map((letter) => `-${letter}\n`).join(""),
      hex.toUpperCase(),
      hex.replace(/../g, "%$&"),
      base64(`a${text}`),
      base64(`ab${text}c`),
      base64(`abc${text}`),
      utf16(`:${text}`).toBase64({ alphabet: "base64url" }),
      new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text))).toHex(),
    ]
  ) assert.notDeepEqual(await formsIn(said, canary), [], said);
  assert.deepEqual(await formsIn(`${newCanary().text} ${base64(newCanary().text)}`, canary), []);
});

Deno.test("send and serve show no password, whatever its file or its variable holds", async () => {
  using folder = temporaryFolder();
  const attempts: Attempt[] = [];
  const url = `http://127.0.0.1:${freePort()}`;
  for (const [at, { name, isFine, of }] of contents.entries()) {
    const canary = newCanary();
    const file = `${folder.path}/${at}`;
    Deno.writeFileSync(file, of(canary));
    const secrets = [canary];
    const send = ["send", "--url", url, "/dev/null"];
    const check = ["serve", "--check"];
    attempts.push(
      {
        name: `send --password-file: ${name}`,
        args: [...send, "--password-file", file],
        codes: [isFine ? 69 : 66],
        secrets,
      },
      {
        name: `serve --check: file: ${name}`,
        args: check,
        env: { ...shell, JOBRUNNER_PASSWORD_FILE: file },
        codes: [isFine ? 0 : 2],
        secrets,
      },
    );
    // A variable cannot hold NUL.
    if (of(canary).includes(0)) continue;
    const through = [
      "sh",
      "-c",
      'JOBRUNNER_PASSWORD=$(cat "$0"); export JOBRUNNER_PASSWORD; exec "$@"',
    ];
    attempts.push(
      {
        name: `send: variable: ${name}`,
        through: [...through, file],
        args: send,
        codes: [isFine ? 69 : 64],
        secrets,
      },
      {
        name: `serve --check: variable: ${name}`,
        through: [...through, file],
        args: check,
        env: shell,
        codes: [isFine ? 0 : 2],
        secrets,
      },
    );
  }
  assert.deepEqual(await findingsOf(attempts), []);
});

Deno.test("serve and send do not repeat a password that is given on the command line", async () => {
  const attempt = (args: (secret: string) => string[]) => wrongUsage(newCanary(), args);
  assert.deepEqual(
    await findingsOf([
      ...["serve", "send"].flatMap((subcommand) => [
        attempt((secret) => [subcommand, `--password=${secret}`]),
        attempt((secret) => [subcommand, "--password", secret, "/dev/null"]),
        attempt((secret) => [subcommand, "--password", "two", secret]),
        attempt((secret) => [subcommand, "--password=two", secret]),
        attempt((secret) => [subcommand, `--password:${secret}`]),
        attempt((secret) => [subcommand, "--password", `-${secret}`]),
        attempt((secret) => [subcommand, "--password", `--${secret}`]),
        attempt((secret) => [subcommand, `-p${secret}`]),
        attempt((secret) => [subcommand, "-p", secret]),
        attempt((secret) => [subcommand, `password=${secret}`, "x"]),
        attempt((secret) => [subcommand, `JOBRUNNER_PASSWORD=${secret}`, "x"]),
        attempt((secret) => [subcommand, `X-JR-PASSWORD=${secret}\n`, "x"]),
      ]),
      attempt((secret) => ["--password", secret]),
      attempt((secret) => [`--password=${secret}`]),
      attempt((secret) => [`JOBRUNNER_PASSWORD=${secret}`, "serve"]),
      attempt((secret) => ["serve", `--check=${secret}`]),
      attempt((secret) => ["serve", "--cmd", "--password", secret]),
      attempt((secret) => ["send", "--id", "--password", secret]),
      attempt((secret) => ["send", "--password", `${secret}\nx`, "/dev/null"]),
    ]),
    [],
  );
});

Deno.test("send shows neither the user and password nor the query of its URL", async () => {
  const port = freePort();
  const attempt = (code: number, url: (canary: Canary) => string): Attempt => {
    const canary = newCanary();
    return {
      name: url({ left: "LEFT", right: "RIGHT", text: "SECRET" }),
      args: ["send", "--url", url(canary), "/dev/null"],
      codes: [code],
      secrets: [canary],
    };
  };
  assert.deepEqual(
    await findingsOf([
      attempt(64, ({ text }) => `http://user:${text}@127.0.0.1:${port}`),
      attempt(64, ({ text }) => `https://${text}@127.0.0.1:${port}`),
      attempt(64, ({ text }) => `http:user:${text}@h`),
      attempt(64, ({ text }) => `http:\\\\user:${text}@h`),
      attempt(64, ({ text }) => `user:${text}@h`),
      attempt(64, ({ text }) => `user:${text}@`),
      attempt(64, ({ text }) => `user:${text}`),
      attempt(64, ({ text }) => `http://user:${text}`),
      attempt(64, ({ text }) => `http://user%3A${text}%40h`),
      attempt(64, ({ left, right }) => `http://user:${left}@${right}@h:x`),
      attempt(64, ({ left, right }) => `http://user:${left}/${right}@h`),
      attempt(64, ({ left, right }) => `http://user:${left}\n${right}@h`),
      attempt(64, ({ left, right }) => `user:${left}\n@h ${right}@\n`),
      attempt(64, ({ left, right }) => `ftp://user:${left}\u2028${right}@h`),
      attempt(69, ({ text }) => `http://127.0.0.1:${port}/?password=${text}`),
      attempt(69, ({ text }) => `http://127.0.0.1:${port}/#${text}`),
    ]),
    [],
  );
});

Deno.test("send does not show its password when another server repeats it", async () => {
  using folder = temporaryFolder();
  const canary = newCanary();
  const password = `${canary.left}€ ${canary.right}`;
  Deno.writeTextFileSync(`${folder.path}/password`, password);
  await using echo = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ url, headers, body }) => {
      await body?.pipeTo(new WritableStream());
      const sent = headers.get("x-jr-password") ?? "";
      // As the bytes that came, and as their UTF-8 in Latin-1.
      const words = [...bytesOf(`one\ntwo ${sent} `), ...utf8(sent)];
      const status = Number(new URL(url).pathname.split("/")[1]);
      return new Response(new Uint8Array(words), { status });
    },
  );
  const exits: Readonly<Record<number, number>> = {
    200: 76,
    302: 76,
    400: 65,
    401: 77,
    404: 76,
    413: 65,
    500: 70,
    503: 75,
  };
  assert.deepEqual(
    await findingsOf(
      Object.entries(exits).map(([status, code]) => ({
        name: `a stranger says ${status}`,
        args: ["send", "--url", `http://127.0.0.1:${echo.addr.port}/${status}`, "/dev/null"],
        env: { JOBRUNNER_PASSWORD: password },
        codes: [code],
        secrets: [canary],
      })),
    ),
    [],
  );
});

function pem(label: string, text: string): string {
  return `-----BEGIN ${label}-----\n${text.replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;
}

Deno.test("serve --check shows nothing of the credentials for NATS, whatever is wrong with them", async () => {
  using folder = temporaryFolder();
  const attempts: Attempt[] = [];
  const attempt = (name: string, codes: number[], env: Record<string, string>, canary: Canary) => {
    const nats = { JOBRUNNER_NATS_URL: `tls://127.0.0.1:${freePort()}`, ...env };
    const args = ["serve", "--check"];
    attempts.push({ name, args, env: { ...shell, ...nats }, codes, secrets: [canary] });
  };
  const fileOf = (content: Uint8Array<ArrayBuffer>) => {
    const path = `${folder.path}/${crypto.randomUUID()}`;
    Deno.writeFileSync(path, content);
    return path;
  };
  for (const { name, isFine, of } of contents) {
    const canary = newCanary();
    const env = { JOBRUNNER_NATS_USER: "ann", JOBRUNNER_NATS_PASSWORD_FILE: fileOf(of(canary)) };
    attempt(`password: ${name}`, isFine ? [0, 1] : [2], env, canary);
  }
  const token = newCanary();
  const tokenFile = { JOBRUNNER_NATS_TOKEN_FILE: fileOf(utf8(`${token.text}\n`)) };
  attempt("token", [0, 1], tokenFile, token);
  const certificate = { JOBRUNNER_NATS_CERT_FILE: fixture("tls/cert.pem") };
  for (
    const [setting, env] of Object.entries({
      JOBRUNNER_NATS_NKEY_FILE: {},
      JOBRUNNER_NATS_CREDS_FILE: {},
      JOBRUNNER_NATS_KEY_FILE: certificate,
    })
  ) {
    const canary = newCanary();
    const file = { [setting]: fileOf(utf8(`${canary.text}\n`)) };
    attempt(`${setting}: of another form`, [2], { ...env, ...file }, canary);
  }
  const bytes = crypto.getRandomValues(new Uint8Array(56));
  const letters = Array.from(bytes, (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]);
  const seed = canaryOf(letters.join(""));
  const creds = credsOf("A").replace(seedOf("A"), `SU${seed.text}`);
  const nkeyFile = { JOBRUNNER_NATS_NKEY_FILE: fileOf(utf8(`SU${seed.text}`)) };
  const credsFile = { JOBRUNNER_NATS_CREDS_FILE: fileOf(utf8(creds)) };
  attempt("seed", [0, 1], nkeyFile, seed);
  attempt("credentials file", [0, 1], credsFile, seed);
  attempt("both", [2], { ...nkeyFile, ...credsFile }, seed);
  for (
    const [name, url] of Object.entries<(canary: Canary) => string>({
      "a user and a password": ({ text }) => `nats://user:${text}@h`,
      "a token": ({ text }) => `nats://${text}@h`,
      "a second server's password": ({ text }) => `nats://a,nats://user:${text}@h`,
      "no host": ({ text }) => `nats://user:${text}`,
      "no scheme": ({ text }) => `user:${text}@h`,
      "a comma": ({ left, right }) => `nats://user:${left},${right}@h`,
      "an inner newline": ({ left, right }) => `nats://user:${left}\n${right}@h`,
      "a query": ({ text }) => `nats://h/?password=${text}`,
    })
  ) {
    const canary = newCanary();
    attempt(`URL: ${name}`, [2], { JOBRUNNER_NATS_URL: url(canary) }, canary);
  }
  assert.deepEqual(await findingsOf(attempts), []);
});

Deno.test("serve shows nothing of a key that it cannot use", async () => {
  using folder = temporaryFolder();
  const { privateKey } = await crypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign"],
  ) as CryptoKeyPair;
  const other = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey)).toBase64();
  const canary = newCanary();
  const { left, right, text } = canary;
  const files: [string, Uint8Array<ArrayBuffer>, Canary][] = [
    ["another certificate's key", utf8(pem("PRIVATE KEY", other)), canaryOf(other)],
    ["not base64", utf8(pem("PRIVATE KEY", `${left}!${right}`)), canary],
    ["no key", utf8(pem("PRIVATE KEY", base64(text))), canary],
    ["NUL", utf8(pem("PRIVATE KEY", `${left}\0${right}`)), canary],
    ["without an end", utf8(`-----BEGIN PRIVATE KEY-----\n${text}`), canary],
    ["no PEM", utf8(text), canary],
    ["encrypted", utf8(pem("ENCRYPTED PRIVATE KEY", text)), canary],
    ["of OpenSSH", utf8(pem("OPENSSH PRIVATE KEY", text)), canary],
    ["Latin-1", bytesOf(pem("PRIVATE KEY", `${left}\xe4${right}`)), canary],
    ["UTF-16", utf16(pem("PRIVATE KEY", text)), canary],
    ["too large", utf8(pem("PRIVATE KEY", text.repeat(50_000))), canary],
  ];
  assert.deepEqual(
    await findingsOf(files.flatMap(([name, bytes, secret], at) => {
      const file = `${folder.path}/${at}`;
      Deno.writeFileSync(file, bytes);
      return ["on", "off"].map((sandbox) => ({
        name: `${name}, sandbox ${sandbox}`,
        env: {
          ...shell,
          JOBRUNNER_HTTP_LISTEN_PORT: "0",
          JOBRUNNER_LOG_LEVEL: "debug",
          JOBRUNNER_SANDBOX: sandbox,
          JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
          JOBRUNNER_TLS_KEY_FILE: file,
        },
        codes: [1, 2],
        secrets: [secret],
      }));
    })),
    [],
  );
});

Deno.test("serve does not show an OTEL_ variable that prevents the start", async () => {
  const wrong: Readonly<Record<string, (canary: Canary) => Record<string, string>>> = {
    "no scheme": ({ text }) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: `user:${text}@h` }),
    "no host": ({ text }) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:${text}` }),
    "a wrong scheme": ({ text }) => ({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `ftp://user:${text}@h`,
    }),
    "a blank at the end": ({ text }) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:${text}@127.0.0.1:9 `,
    }),
    "an inner newline": ({ left, right }) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://user:${left}\n${right}@h`,
    }),
    "a header without a name": ({ text }) => ({ OTEL_EXPORTER_OTLP_HEADERS: text }),
    "a header with a blank in its name": ({ text }) => ({
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: `Basic ${text}==`,
    }),
    "a header with a newline": ({ left, right }) => ({
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${left}%0A${right}`,
    }),
    "a header with NUL": ({ left, right }) => ({
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${left}%00${right}`,
    }),
    "a header beyond Latin-1": ({ left, right }) => ({
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${left}€${right}`,
    }),
  };
  assert.deepEqual(
    await findingsOf(
      Object.entries(wrong).map(([name, variables]) => {
        const canary = newCanary();
        return {
          name,
          args: ["serve", "--check"],
          env: { ...shell, OTEL_TRACES_EXPORTER: "otlp", ...variables(canary) },
          codes: [2],
          secrets: [canary],
        };
      }),
    ),
    [],
  );
});

/** A receiver of spans that answers with what it was sent, in its status line too. */
function startEchoingReceiver(): RawServer & { heads(): string } {
  let heads = "";
  const server = startRawServer(async (connection) => {
    const [head = ""] = (await readRequest(connection)).split("\r\n\r\n");
    heads += head;
    const words = head.split("\r\n").filter((line) => /^(x-|authorization)/i.test(line)).join(" ");
    await connection.write(
      utf8(`HTTP/1.1 400 ${words}\r\nContent-Length: ${words.length}\r\n\r\n${words}`),
    );
  });
  return Object.assign(server, { heads: () => heads });
}

/** Shows a command's environment in every way that a command has. */
const printEnvironment =
  'env; env >&2; env >"$JOBRUNNER_RESPONSE_DATA_FN"; tr "\\0" "\\n" </proc/self/environ; exit 3';

/** Asks for everything with and without the password; resolves with all answers. */
async function askEverything(
  url: string,
  password: Uint8Array,
  wrong: Canary,
  client: Deno.HttpClient | undefined,
): Promise<string> {
  const header = String.fromCharCode(...password);
  const job = JSON.stringify({ id: "x", data: base64(printEnvironment) });
  const requests: [string, RequestInit][] = [
    ["/payload", { method: "POST", body: job, headers: { "x-jr-password": header } }],
    ["/payload", { method: "POST", body: "{", headers: { "x-jr-password": header } }],
    ...["text/plain", "application/json"].flatMap((accept): [string, RequestInit][] => [
      ["/payload", { method: "POST", body: job, headers: { accept } }],
      ["/payload", {
        method: "POST",
        body: job,
        headers: { accept, "x-jr-password": wrong.text, authorization: `Bearer ${wrong.text}` },
      }],
      [`/payload?password=${wrong.text}`, { headers: { accept, "x-jr-password": wrong.text } }],
      ["/nowhere", { headers: { accept, "x-jr-password": wrong.text } }],
      [`//payload?password=${wrong.text}`, { headers: { accept }, redirect: "manual" }],
      ["/status", { headers: { accept, "x-jr-password": header } }],
    ]),
    ...["/status", "/metrics", "/version", "/livez", "/readyz"].map((
      path,
    ): [string, RequestInit] => [path, { headers: { "x-jr-password": wrong.text } }]),
  ];
  let said = "";
  for (const [path, init] of requests) {
    said += await saidIn(await fetch(url + path, { ...init, ...(client ? { client } : {}) }));
  }
  return said;
}

/** Sends requests that no HTTP library would send; resolves with all answers. */
async function sendRawRequests(url: string, { left, right, text }: Canary): Promise<string> {
  const { hostname, port } = new URL(url);
  const body = "Content-Length: 2\r\n\r\n{}";
  const post = `POST /payload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n`;
  const requests = [
    `POST http://user:${text}@x/payload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${body}`,
    `GET http://user:${text}@x//status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    `CONNECT user:${text}@x HTTP/1.1\r\nHost: user:${text}@x\r\nConnection: close\r\n\r\n`,
    `${post}X-JR-PASSWORD: ${left}\xe4${right}\r\n${body}`,
    `${post}X-JR-PASSWORD: ${left}\0${right}\r\n${body}`,
    `${post}X-JR-PASSWORD: ${left}\r\n ${right}\r\n${body}`,
    `${post}X-JR-PASSWORD:\t${text} \r\n${body}`,
    `${post}X-JR-PASSWORD: ${left}\r\nX-JR-PASSWORD: ${right}\r\n${body}`,
    `${post}X-JR-PASSWORD: ${text.repeat(500)}\r\n${body}`,
    `${post}X-JR-PASSWORD ${text}\r\n${body}`,
    `${post}Authorization: Bearer ${left}\0${right}\r\n${body}`,
    `${post}Authorization: Bearer ${left}\r\nAuthorization: Bearer ${right}\r\n${body}`,
    `${post}Authorization: ${text}\r\n${body}`,
    `X-JR-PASSWORD: ${text}\r\n\r\n`,
  ];
  let said = "";
  for (const request of requests) {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(bytesOf(request));
    said += await new Response(connection.readable).text().catch(String);
  }
  return said;
}

Deno.test("serve shows no secret in its log, answers, pages, commands' environment and failing spans", async () => {
  using folder = temporaryFolder();
  await using receiver = startEchoingReceiver();
  await using plainReceiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("no", { status: 404 }),
  );
  const refusing = freePort();
  const spans = "http/protobuf";
  const key = canaryOf(
    Deno.readTextFileSync(fixture("tls/key.pem")).split("\n")
      .filter((line) => !line.startsWith("-----")).join(""),
  );
  const [user, header, traces, password, wrong] = Array.from({ length: 5 }, newCanary) as [
    Canary,
    Canary,
    Canary,
    Canary,
    Canary,
  ];
  const secrets = { user, header, traces, password, wrong, key };
  const headers = {
    OTEL_EXPORTER_OTLP_HEADERS: `x-general=${header.text},x-other=%20${header.left}%2C`,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: `x-traces=${traces.text};${traces.text}`,
  };
  const userAt = (host: string) => `http://user:${user.text}@${host}`;
  const passwordFile = `${folder.path}/password`;
  Deno.writeTextFileSync(passwordFile, `\ufeff${password.text}\r\n`);
  const sessions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "a receiver that repeats what it was sent": {
      ...headers,
      JOBRUNNER_PASSWORD: `${password.text}\r\n`,
      OTEL_EXPORTER_OTLP_ENDPOINT: userAt(new URL(receiver.url).host),
    },
    "a receiver that repeats what it was sent, once, when the server stops": {
      ...headers,
      JOBRUNNER_PASSWORD: password.text,
      OTEL_EXPORTER_OTLP_ENDPOINT: userAt(new URL(receiver.url).host),
      OTEL_BSP_SCHEDULE_DELAY: "600000",
    },
    "a receiver that is not there, sandbox off": {
      ...headers,
      JOBRUNNER_PASSWORD_FILE: passwordFile,
      JOBRUNNER_LOG_FORMAT: "json",
      JOBRUNNER_SANDBOX: "off",
      OTEL_EXPORTER_OTLP_ENDPOINT: userAt(`127.0.0.1:${refusing}`),
    },
    "HTTPS here, and not there where it should be": {
      ...headers,
      JOBRUNNER_PASSWORD: password.text,
      JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
      JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
      OTEL_EXPORTER_OTLP_ENDPOINT: userAt(`127.0.0.1:${plainReceiver.addr.port}`).replace(
        "http:",
        "https:",
      ),
    },
    "a password in the wrong place of the endpoint": {
      JOBRUNNER_PASSWORD: password.text,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${refusing}#${user.text}@h`,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `user:${user.text}@h`,
    },
    "a key in the query": {
      JOBRUNNER_PASSWORD: password.text,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${refusing}/?key=${user.text}`,
    },
    "an endpoint for traces alone, with a password and a key in the query": {
      ...headers,
      JOBRUNNER_PASSWORD: password.text,
      OTEL_EXPORTER_OTLP_ENDPOINT: userAt("h"),
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${userAt(`127.0.0.1:${refusing}`)}/v1?key=${user.text}`,
    },
    "a password that is not percent-encoded": {
      JOBRUNNER_PASSWORD: password.text,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:%${user.text}@${new URL(receiver.url).host}`,
    },
  };
  using client = Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(fixture("tls/ca.pem"))] });
  const findings: string[] = [];
  await Promise.all(
    Object.entries(sessions).map(async ([name, env]) => {
      await using program = await startProgram({
        env: {
          ...shell,
          JOBRUNNER_LOG_LEVEL: "debug",
          JOBRUNNER_ACCESS_LOG: "on",
          OTEL_EXPORTER_OTLP_PROTOCOL: spans,
          OTEL_EXPORTER_OTLP_TIMEOUT: "200",
          OTEL_BSP_SCHEDULE_DELAY: "1",
          ...env,
        },
      });
      const isTls = program.url.startsWith("https:");
      const given = utf8(password.text);
      const answers = await askEverything(program.url, given, wrong, isTls ? client : undefined);
      const raw = isTls ? "" : await sendRawRequests(program.url, wrong);
      if (env["OTEL_BSP_SCHEDULE_DELAY"] === undefined) await program.line("tracing");
      await program.stop();
      const log = program.log.join("\n");
      // The texts that were searched are the right ones.
      assert.match(answers, /^JOBRUNNER_CMD=/m, name);
      assert.match(answers, /^# TYPE jobrunner_/m, name);
      for (
        const event of [
          "request answered",
          "request refused",
          "job started",
          "job ended",
          "tracing",
        ]
      ) {
        assert.ok(log.includes(event), `${name}: no ${event}:\n${log}`);
      }
      for (const [what, said] of Object.entries({ log, answers, raw })) {
        for (const [which, secret] of Object.entries(secrets)) {
          const forms = await formsIn(said, secret);
          if (forms.length > 0) findings.push(`${name}: ${which} in ${what}: ${forms.join()}`);
        }
      }
    }),
  );
  assert.deepEqual(findings, []);
  for (const { text } of [header, traces]) assert.ok(receiver.heads().includes(text));
  assert.ok(receiver.heads().includes(base64(`user:${user.text}`)));
});
