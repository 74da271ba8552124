import assert from "node:assert/strict";
import type { JobSpec } from "../../src/jobs/job.ts";
import { commandRoute, routes, runCommandRoute } from "../../src/wire/resources.ts";
import { ranOf } from "../support/jobs.ts";
import { job, type Setup, setUp } from "../support/routes.ts";
import { bearer, grantOf, secretOf } from "../support/tokens.ts";

/** What can be asked for: requests that every sender may send or none. `pdf` is the default command, `octave` another. */
const asked = {
  pdf: ["POST /payload", "POST /run", "POST /payload/pdf", "POST /run/pdf"],
  octave: ["POST /payload/octave", "POST /run/octave"],
  missing: ["POST /payload/nope", "POST /run/nope"],
  status: ["GET /status", "HEAD /status", "GET /commands", "HEAD /commands"],
  metrics: ["GET /metrics", "HEAD /metrics"],
} as const;

type Asked = keyof typeof asked;

/** The status of each code. */
const statuses = {
  ok: 200,
  unauthorized: 401,
  forbidden: 403,
  command_forbidden: 403,
  unknown_command: 404,
} as const;

type Code = keyof typeof statuses;

/** A sender, and the answers to it in the order of `asked`. */
interface Row {
  readonly headers: Readonly<Record<string, string>>;
  /** Its address; one in 192.0.2.0/24 if absent. */
  readonly from?: string;
  /** The name of its token in the log. */
  readonly token?: string;
  readonly codes: readonly [pdf: Code, octave: Code, missing: Code, status: Code, metrics: Code];
}

const [ok, no] = ["ok", "forbidden"] as const;
const [notThis, nothing] = ["command_forbidden", "unknown_command"] as const;
const stranger = Array(5).fill("unauthorized") as unknown as Row["codes"];
const everything = [ok, ok, nothing, ok, ok] as const;
const forbidden = [no, no, no, no, no] as const;

const secrets = {
  all: secretOf("a"),
  submit: secretOf("b"),
  status: secretOf("c"),
  metrics: secretOf("d"),
  pdf: secretOf("e"),
  expired: secretOf("f"),
  inside: secretOf("g"),
};
const unknown = secretOf("z");
const right = { "x-jr-password": "p" };
const wrong = { "x-jr-password": "q" };

const tokens = [
  grantOf("all", secrets.all),
  grantOf("submit", secrets.submit, { scopes: ["submit"] }),
  grantOf("status", secrets.status, { scopes: ["status"] }),
  grantOf("metrics", secrets.metrics, { scopes: ["metrics"] }),
  grantOf("pdf", secrets.pdf, { scopes: ["submit", "status"], commands: ["pdf"] }),
  // Expired, and neither from its address nor with the scope: what is known about the sender comes first.
  grantOf("expired", secrets.expired, { expiresMs: 0, scopes: ["status"], addresses: [] }),
  grantOf("inside", secrets.inside, { scopes: ["submit"], addresses: ["10.0.0.0/8"] }),
];

const senders: Readonly<Record<string, Row>> = {
  "no credentials": { headers: {}, codes: stranger },
  "an unknown token": { headers: bearer(unknown), codes: stranger },
  "no token after Bearer": { headers: bearer(""), codes: stranger },
  "a malformed token": { headers: bearer(`${secrets.all}x`), codes: stranger },
  "two tokens": { headers: bearer(`${secrets.all}, Bearer ${secrets.all}`), codes: stranger },
  "a token in another scheme": {
    headers: { authorization: `Basic ${secrets.all}` },
    codes: stranger,
  },
  "a token as password": { headers: { "x-jr-password": secrets.all }, codes: stranger },
  "an expired token": { headers: bearer(secrets.expired), token: "expired", codes: stranger },
  "all scopes": { headers: bearer(secrets.all), token: "all", codes: everything },
  "the scheme in lower case": {
    headers: { authorization: `bearer ${secrets.all}` },
    token: "all",
    codes: everything,
  },
  "only submit": {
    headers: bearer(secrets.submit),
    token: "submit",
    codes: [ok, ok, nothing, no, no],
  },
  "only status": { headers: bearer(secrets.status), token: "status", codes: [no, no, no, ok, no] },
  "only metrics": {
    headers: bearer(secrets.metrics),
    token: "metrics",
    codes: [no, no, no, no, ok],
  },
  "only one command": {
    headers: bearer(secrets.pdf),
    token: "pdf",
    codes: [ok, notThis, notThis, ok, no],
  },
  "from a wrong address": { headers: bearer(secrets.inside), token: "inside", codes: forbidden },
  "from a right address": {
    headers: bearer(secrets.inside),
    from: "::ffff:10.1.2.3",
    token: "inside",
    codes: [ok, ok, nothing, no, no],
  },
  "from a right address behind a proxy": {
    headers: { ...bearer(secrets.inside), "x-forwarded-for": "192.0.2.1, 10.1.2.3" },
    from: "203.0.113.1",
    token: "inside",
    codes: [ok, ok, nothing, no, no],
  },
  "from a right address behind anybody": {
    headers: { ...bearer(secrets.inside), "x-forwarded-for": "10.1.2.3" },
    token: "inside",
    codes: forbidden,
  },
  "the password": { headers: right, token: "password", codes: everything },
  "a wrong password": { headers: wrong, codes: stranger },
  "the password and an unknown token": {
    headers: { ...right, ...bearer(unknown) },
    codes: stranger,
  },
  "the password and a token": {
    headers: { ...right, ...bearer(secrets.submit) },
    token: "submit",
    codes: [ok, ok, nothing, no, no],
  },
  "a wrong password and a token": {
    headers: { ...wrong, ...bearer(secrets.all) },
    token: "all",
    codes: everything,
  },
  "the password and another scheme": {
    headers: { ...right, authorization: "Basic YTpi" },
    token: "password",
    codes: everything,
  },
};

/** A server with tokens and a password. */
function serve(setup: Setup = {}) {
  const specs: JobSpec[] = [];
  const routes = setUp({
    tokens,
    password: "p",
    trustedProxies: ["203.0.113.1"],
    commands: { pdf: {}, octave: {} },
    defaultCommand: "pdf",
    submit(spec) {
      specs.push(spec);
      return Promise.resolve(ranOf(spec));
    },
    ...setup,
  });
  /** Sends a request; its body is a job's if it is expected to be read, else one that counts how often it is. */
  async function send(
    request: string,
    { headers, from = "192.0.2.1" }: Omit<Row, "codes">,
    read = false,
  ) {
    const [method = "", path = ""] = request.split(" ");
    let pulled = 0;
    const counted = () => new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
    const body = method === "POST" ? { body: read ? job : counted() } : {};
    const accept = path.startsWith("/payload") || method !== "POST" ? "application/json" : "*/*";
    const response = await routes.fetch(
      new Request(`http://localhost${path}`, { method, headers: { accept, ...headers }, ...body }),
      { remoteAddr: { transport: "tcp", hostname: from, port: 4711 } },
    );
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      pulled,
    };
  }
  return { ...routes, send, specs };
}

for (const [sender, row] of Object.entries(senders)) {
  Deno.test(`createRoutes() admits to each path whom the table of tokens admits: ${sender}`, async () => {
    for (const [index, kind] of (Object.keys(asked) as Asked[]).entries()) {
      const code = row.codes[index] ?? "ok";
      for (const request of asked[kind]) {
        const { send, log, rejected, doors, specs } = serve();
        const { status, headers, text, pulled } = await send(request, row, code === "ok");
        const about = `${request}: ${text}`;
        assert.equal(status, statuses[code], about);
        assert.equal(pulled, 0, "no byte of a refused body is read");
        assert.equal(doors.released, doors.opened, about);
        const runsJob = request.startsWith("POST");
        if (code === "ok") {
          assert.equal(headers.get("connection"), null, "the connection is kept");
          assert.deepEqual(log, [], about);
          assert.deepEqual(specs.map(({ token }) => token), runsJob ? [row.token] : []);
          continue;
        }
        assert.equal(headers.get("connection"), "close", about);
        if (text) assert.equal(text.includes(" octave, pdf"), code === "unknown_command", about);
        assert.deepEqual(specs, []);
        const counted = { unknown_command: [], command_forbidden: ["forbidden"] }[code as string] ??
          [code];
        assert.deepEqual(rejected, runsJob ? counted : []);
        const [[message, fields] = []] = log;
        assert.deepEqual([message, log.length], ["request refused", 1]);
        const challenged = status === 401 || / the scope /.test(String(fields?.["detail"]));
        assert.equal(headers.has("www-authenticate"), challenged, about);
        assert.deepEqual(
          [fields?.["reason"], fields?.["token"]],
          [code, row.token],
          about,
        );
        assert.ok(
          !Object.values(secrets).some((secret) => JSON.stringify([text, log]).includes(secret)),
        );
      }
    }
  });

  Deno.test(`createRoutes() answers whoever asks, where no token is needed: ${sender}`, async () => {
    const { send, rejected } = serve();
    for (
      const [request, status] of [
        ...["/", "/livez", "/readyz", "/version"].flatMap((path) =>
          [[`GET ${path}`, 200], [`HEAD ${path}`, 200], [`POST ${path}`, 405]] as const
        ),
        ...["/status", "/commands", "/metrics"].flatMap((path) =>
          [[`POST ${path}`, 405], [`DELETE ${path}`, 405], [`OPTIONS ${path}`, 204]] as const
        ),
        ...["/payload", "/run/pdf", "/payload/nope"].flatMap((path) =>
          [[`GET ${path}`, 405], [`HEAD ${path}`, 405], [`PUT ${path}`, 405], [
            `OPTIONS ${path}`,
            204,
          ]] as const
        ),
        ...["/nowhere", "/status/", "/metrics/x"].flatMap((path) =>
          [[`GET ${path}`, 404], [`HEAD ${path}`, 404], [`POST ${path}`, 404]] as const
        ),
      ]
    ) assert.equal((await send(request, row)).status, status, request);
    assert.deepEqual(rejected, []);
  });
}

Deno.test("the table of tokens asks for every path of the table of resources", () => {
  const paths = new Set<string>(
    Object.values(asked).flat().map((request) => request.split(" ")[1] ?? ""),
  );
  for (
    const [route, path] of [[commandRoute, "/payload/pdf"], [runCommandRoute, "/run/pdf"]] as const
  ) {
    if (paths.has(path)) paths.add(route);
  }
  for (const open of ["/", "/version", "/livez", "/readyz"]) paths.add(open);
  assert.deepEqual(routes.filter((route) => !paths.has(route)), []);
});

Deno.test("without a default command, only the commands are named that the token may run", async () => {
  const { send, doors } = serve({ defaultCommand: "" });
  for (
    const [secret, names] of [
      [secrets.all, "/payload/octave, /payload/pdf"],
      [secrets.pdf, "/payload/pdf"],
    ] as const
  ) {
    const { status, text } = await send("POST /payload", { headers: bearer(secret) });
    assert.equal(status, 404);
    assert.equal(JSON.parse(text).detail, `There is no default command: jobs go to POST ${names}`);
  }
  assert.deepEqual(doors, { opened: 0, released: 0 });
});

Deno.test("without a configuration file, a token may be limited to the command default", async () => {
  for (const [commands, status] of [[["default"], 200], [["other"], 403]] as const) {
    const { post } = setUp({ tokens: [grantOf("ci", secrets.all, { commands })] });
    for (const path of ["/payload", "/run"]) {
      assert.equal((await post(job, bearer(secrets.all), path)).status, status);
    }
  }
});

Deno.test("a page of another origin and a draining server are refused before and after the token", async () => {
  const cross = { "sec-fetch-site": "cross-site" };
  for (
    const [request, headers, code] of [
      ["POST /payload", cross, "cross_site"],
      ["POST /payload", { ...cross, ...bearer(secrets.all) }, "cross_site"],
      ["POST /payload", bearer(secrets.status), "forbidden"],
      ["POST /payload/octave", bearer(secrets.pdf), "command_forbidden"],
      ["POST /payload/nope", bearer(secrets.all), "unknown_command"],
      ["POST /payload", bearer(secrets.all), "draining"],
    ] as [string, Record<string, string>, string][]
  ) {
    const { send } = serve({ ready: false });
    assert.equal(JSON.parse((await send(request, { headers })).text).code, code, request);
  }
});

Deno.test("GET /status shows all ids to every token with its scope, and the names of the jobs' tokens", async () => {
  const about = { id: "i", requestId: "r", command: "pdf", token: "ci", pid: 17 };
  const workers = [{ id: 1, sinceSec: 1, job: about }];
  const pools = [{ name: "pdf", waiting: 0, queueLimit: 3, oldestWaitSec: 0, workers }];
  const { send } = serve({ status: { pools } });
  for (const headers of [bearer(secrets.status), bearer(secrets.pdf), right]) {
    const [state] = JSON.parse((await send("GET /status", { headers })).text).worker_states;
    assert.deepEqual([state.id, state.request_id, state.token], ["i", "r", "ci"]);
  }
});

Deno.test("an access line has the name of the token, also if the request is refused", async () => {
  const { send, log } = serve({ accessLog: true });
  for (const name of ["metrics", "status"] as const) {
    await send("GET /metrics", { headers: bearer(secrets[name]) });
  }
  await send("GET /livez", { headers: bearer(secrets.all) });
  const lines = log.filter(([message]) => message === "request answered").map(([, fields]) => [
    fields?.["http.response.status_code"],
    fields?.["token"],
  ]);
  assert.deepEqual(lines, [[200, "metrics"], [403, "status"], [200, undefined]]);
});
