import assert from "node:assert/strict";
import { job, setUp } from "../support/routes.ts";

/** The whole answer: status, sorted headers without the date, body. */
async function answerTo(path: string, init: RequestInit = {}): Promise<string> {
  const { send, rejected, log, answered } = setUp();
  const sent = { ...init, headers: { "x-request-id": "r1", ...init.headers } };
  const { status, headers, text } = await send(path, sent);
  assert.deepEqual(rejected, []);
  for (const [, fields] of log) assert.equal(fields?.["command"], undefined);
  const route = answered.map(([, route]) => route ?? "none").join();
  return [status, ...[...headers].map((header) => header.join(": ")).sort(), route, text].join(
    "\n",
  );
}

const common = ["cache-control: no-store, no-transform"];

const notFound = [
  "404",
  ...common,
  "content-type: text/plain; charset=utf-8",
  "x-content-type-options: nosniff",
  "x-request-id: r1",
  "none",
  "There is nothing at this path; jobs go to POST /payload or POST /run\n",
].join("\n");

Deno.test("without a configuration file, GET / answers as before there were several commands", async () => {
  const text =
    "jobrunner: jobs go to POST /payload or POST /run; GET /status, /metrics, /version, /livez and /readyz\n";
  assert.equal(
    await answerTo("/"),
    [
      "200",
      ...common,
      `content-length: ${text.length}`,
      "content-type: text/plain; charset=utf-8",
      "x-request-id: r1",
      "/",
      text,
    ].join("\n"),
  );
});

Deno.test("without a configuration file, /payload/x and /commands are paths that do not exist", async () => {
  for (const path of ["/payload/x", "/payload/default", "/payload/", "/run/x", "/commands"]) {
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      const body = method === "POST" ? { body: job } : {};
      assert.equal(await answerTo(path, { method, ...body }), notFound, `${method} ${path}`);
    }
    assert.equal(await answerTo(path, { method: "HEAD" }), notFound.replace(/[^\n]*\n$/, ""), path);
  }
});

Deno.test("without a configuration file, OPTIONS names no method at /payload/x and /commands", async () => {
  const options = (allow: string, route: string) =>
    ["204", `allow: ${allow}`, ...common, "x-request-id: r1", route, ""].join("\n");
  const cases: [path: string, allow: string, route: string][] = [
    ["/*", "GET, HEAD, POST, OPTIONS", "none"], // what the runtime makes of OPTIONS *
    ["/payload/x", "OPTIONS", "none"],
    ["/commands", "OPTIONS", "none"],
    ["/payload", "POST, OPTIONS", "/payload"],
  ];
  for (const [path, allow, route] of cases) {
    assert.equal(await answerTo(path, { method: "OPTIONS" }), options(allow, route), path);
  }
});
