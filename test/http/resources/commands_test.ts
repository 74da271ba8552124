import assert from "node:assert/strict";
import { setUp } from "../../support/routes.ts";

Deno.test("GET /commands lists the commands as JSON, also while the server drains", async () => {
  const commands = { pdf: { maxRequestBytes: 10 }, octave: {} };
  const { send } = setUp({ commands, defaultCommand: "pdf", ready: false });
  const { status, headers, text } = await send("/commands");
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  const shared = {
    num_workers: 2,
    queue_limit: 30,
    queue_timeout_sec: null,
    job_timeout_sec: 1.5,
    max_run_bytes: 200,
    max_output_bytes: 100,
    max_result_bytes: 300,
    busy: 1,
    queued_jobs: 0,
  };
  assert.deepEqual(JSON.parse(text), {
    default: "pdf",
    commands: [
      {
        ...shared,
        name: "pdf",
        path: "/payload/pdf",
        pool: "pool of pdf",
        max_request_bytes: 10,
      },
      {
        ...shared,
        name: "octave",
        path: "/payload/octave",
        pool: "pool of octave",
        max_request_bytes: null,
      },
    ],
  });
});

Deno.test("GET /commands needs no password; without one it checks the host", async () => {
  const commands = { pdf: {} };
  assert.equal((await setUp({ commands, password: "p" }).send("/commands")).status, 200);
  const headers = { host: "evil.example" };
  assert.equal((await setUp({ commands }).send("/commands", { headers })).status, 403);
});
