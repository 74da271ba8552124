/**
 * Under which host names and from which web pages the real program may be used.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { base64, get, post, postRaw, say, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture, startProgram } from "../support/program.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh") };
const job = JSON.stringify({ id: "x", data: base64("exit 0") });

/** Status and text of a request that is written as it stands; its connection is closed by the answer. */
async function answerTo(url: string, lines: readonly string[], body = "") {
  const length = body ? [`Content-Length: ${body.length}`] : [];
  const head = [lines[0], "Connection: close", ...lines.slice(1), ...length];
  using connection = await say(url, `${head.join("\r\n")}\r\n\r\n${body}`);
  const text = await new Response(connection.readable).text();
  return { status: Number(/^HTTP\/1\.\d (\d+)/.exec(text)?.[1]), text };
}

const run = "POST /payload HTTP/1.1";

Deno.test("Host must be one of the server's names for jobs and pages when there is no password", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_ALLOWED_HOSTS: "jobs.example.com,*.svc.example" },
  });
  const { url } = program;
  for (
    const host of ["127.0.0.1", "[::1]:80", "localhost", "JOBS.example.com.:81", "a.svc.example"]
  ) {
    assert.equal((await answerTo(url, [run, `Host: ${host}`], job)).status, 200, host);
    assert.equal((await answerTo(url, ["GET /status HTTP/1.1", `Host: ${host}`])).status, 200);
  }
  // HTTP/1.0 need not name a host.
  assert.equal((await answerTo(url, ["POST /payload HTTP/1.0"], job)).status, 200);
  const jobs = (await statusOf(program.url)).total_jobs;
  for (const host of ["evil.example", "svc.example", "x@localhost", "localhost.evil.example"]) {
    for (const path of ["/payload", "//payload", "/payload?x"]) {
      const { status, text } = await answerTo(url, [`POST ${path} HTTP/1.1`, `Host: ${host}`], job);
      assert.equal(status, 403, `${path} at ${host}`);
      assert.match(text, /JOBRUNNER_ALLOWED_HOSTS/);
    }
    for (const path of ["/status", "/metrics", "/version", "/nowhere"]) {
      const { status } = await answerTo(url, [`GET ${path} HTTP/1.1`, `Host: ${host}`]);
      assert.equal(status, 403, `${path} at ${host}`);
    }
    for (const path of ["/", "/livez", "/readyz"]) {
      const { status } = await answerTo(url, [`GET ${path} HTTP/1.1`, `Host: ${host}`]);
      assert.equal(status, 200, `${path} at ${host}`);
    }
  }
  const absolute = ["POST http://evil.example/payload HTTP/1.1", "Host: localhost"];
  assert.equal((await answerTo(url, absolute, job)).status, 403);
  assert.equal((await statusOf(program.url)).total_jobs, jobs);
});

Deno.test("Host cannot change the path that is served", async () => {
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_PASSWORD: "p" } });
  for (const host of ["a/metrics?", "a/metrics#", "a/", "a?b", "a\\b", ""]) {
    for (const target of ["/livez", "/x/metrics", "/payload", "*"]) {
      const method = target === "*" ? "OPTIONS" : "GET";
      const { status, text } = await answerTo(program.url, [
        `${method} ${target} HTTP/1.1`,
        `Host: ${host}`,
      ]);
      assert.equal(status, 400, `${target} at ${host}`);
      assert.match(text, /Host: must be a host/);
    }
  }
});

Deno.test(":authority is the host name over HTTP/2, whatever Host is beside it", async () => {
  await using program = await startProgram({ env: shell });
  const session = connect(program.url);
  const codeOf = async (headers: Record<string, string>) => {
    const stream = session.request({ ":path": "/status", ...headers });
    const [{ ":status": status }] = await once(stream, "response");
    stream.resume();
    await once(stream, "end");
    return status;
  };
  assert.equal(await codeOf({}), 200);
  assert.equal(await codeOf({ ":authority": "localhost:1" }), 200);
  assert.equal(await codeOf({ ":authority": "evil.example" }), 403);
  assert.equal(await codeOf({ ":authority": "evil.example", "host": "localhost" }), 403);
  session.close();
  await once(session, "close");
});

Deno.test("JOBRUNNER_PASSWORD allows any host name, but no page of another origin", async () => {
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_PASSWORD: "p" } });
  const named = [run, "Host: jobs.example.com", "X-JR-PASSWORD: p"];
  assert.equal((await answerTo(program.url, named, job)).status, 200);
  for (
    const origin of ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"]
  ) {
    const { status, text } = await answerTo(program.url, [...named, origin], job);
    assert.equal(status, 403, origin);
    assert.match(text, /Web pages of another origin/);
  }
  const own = [...named, "Origin: https://jobs.example.com"];
  assert.equal((await answerTo(program.url, own, job)).status, 200);
  assert.equal((await statusOf(program.url)).total_jobs, 2);
});

Deno.test("POST /payload refuses a page of another origin before the body is read", async () => {
  await using program = await startProgram({ env: shell });
  const headers = { "origin": "http://evil.example", "content-type": "text/plain" };
  for (const body of [job, `{"id":"x","data":"${"QUJD".repeat(5_000_000)}"}`]) {
    const refused = await postRaw(program.url, body, { headers });
    assert.equal(refused.status, 403);
  }
  const { rejections, total_jobs, buffered_bytes } = await statusOf(program.url);
  assert.deepEqual([rejections.cross_site, total_jobs, buffered_bytes], [2, 0, 0]);
  const line = await program.line("reason=cross_site");
  assert.match(line, / http\.request\.method=POST url\.path=\/payload .*status_code=403 /);
});

Deno.test("/status names jobs only to clients that send the password, if there is one", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      HOLD_RELEASE: release,
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_PASSWORD: "p",
    },
  });
  const held = post(program.url, "x", { id: "held", headers: { "x-jr-password": "p" } });
  await fileExists(`${folder.path}/started_held`);
  const keysFor = async (headers: Record<string, string>) => {
    const { status, text } = await get(`${program.url}/status`, { headers });
    assert.equal(status, 200);
    return Object.keys(JSON.parse(text).worker_states[0]);
  };
  const open = ["worker_id", "state", "since_sec"];
  assert.deepEqual(await keysFor({}), open);
  assert.deepEqual(await keysFor({ "x-jr-password": "q" }), open);
  assert.deepEqual(await keysFor({ "x-jr-password": "p" }), [...open, "id", "request_id", "pid"]);
  Deno.writeTextFileSync(release, "");
  assert.equal((await held).status, 200);
});

Deno.test("load balancers' default checks get answers: GET, HEAD, OPTIONS / and OPTIONS *, HTTP/1.0 and 1.1", async () => {
  await using program = await startProgram({ env: shell });
  const { url } = program;
  for (const end of [["HTTP/1.0"], ["HTTP/1.1", "Host: what.it.is.to.them"]] as const) {
    const [version, ...host] = end;
    const root = await answerTo(url, [`GET / ${version}`, ...host]);
    assert.equal(root.status, 200);
    assert.match(root.text, /\r\n\r\n[^\n]*POST \/payload[^\n]*\n$/);
    assert.equal((await answerTo(url, [`HEAD / ${version}`, ...host])).status, 200);
    for (
      const [target, allow] of [
        ["/", "GET, HEAD, OPTIONS"],
        ["*", "GET, HEAD, POST, OPTIONS"],
        ["/payload", "POST, OPTIONS"],
      ]
    ) {
      const { status, text } = await answerTo(url, [`OPTIONS ${target} ${version}`, ...host]);
      assert.equal(status, 204, `${target} ${version}`);
      assert.match(text, new RegExp(`^allow: ${allow}\r$`, "im"));
      assert.doesNotMatch(text, /access-control/i);
    }
  }
});
