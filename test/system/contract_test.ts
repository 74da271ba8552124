/**
 * The golden table: every row of the contract that clients of the Go jobrunner depend on, and every row that was
 * changed on purpose, against the real program. One server, one test per row.
 */

import assert from "node:assert/strict";
import { type Answer, base64, get, post, postRaw, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import {
  fixture,
  type Program,
  projectRoot,
  runProgram,
  startProgram,
} from "../support/program.ts";

interface Row {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  check(url: string, program: Program, folder: string): Promise<void>;
}

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh") };
const json = (value: unknown) => JSON.stringify(value);

function expect(
  answer: { readonly status: number; readonly text: string },
  status: number,
  text: string | RegExp,
) {
  assert.equal(answer.status, status, answer.text);
  if (typeof text === "string") assert.equal(answer.text, text);
  else assert.match(answer.text, text);
}

const environment: Row[] = [
  {
    name: "JOBRUNNER_CMD: a bare name is looked up on PATH",
    env: { JOBRUNNER_CMD: "env" },
    async check(url) {
      assert.match((await post(url, "x")).output, /^JOBRUNNER_CMD=env$/m);
    },
  },
  {
    name: "JOBRUNNER_CMD: arguments in shell quoting, no shell",
    env: { JOBRUNNER_CMD: `${fixture("print_arguments.sh")} 'a b' "c'd" $HOME ; *` },
    async check(url) {
      assert.equal((await post(url, "x")).output, "<a b>\n<c'd>\n<$HOME>\n<;>\n<*>\n");
    },
  },
  {
    name: "serve -- PROGRAM ARG… sets the command",
    args: ["serve", "--num-workers=1", "--", fixture("print_arguments.sh"), "--check", "a b"],
    async check(url) {
      assert.equal((await post(url, "x")).output, "<--check>\n<a b>\n");
    },
  },
  {
    name: "JOBRUNNER_NUM_WORKERS: 3 by default, numbered from 1 without gaps",
    env: shell,
    async check(url) {
      const status = await statusOf(url);
      assert.equal(status.workers, 3);
      assert.deepEqual(
        status.worker_states.map((worker) => worker.worker_id),
        [1, 2, 3],
      );
    },
  },
  {
    name: "JOBRUNNER_PASSWORD: expected in X-JR-PASSWORD, CR and LF trimmed",
    env: { ...shell, JOBRUNNER_PASSWORD: "pässword\r\n" },
    async check(url) {
      const bytes = String.fromCharCode(...new TextEncoder().encode("pässword"));
      assert.equal(
        (await post(url, "exit 0", { headers: { "X-JR-PASSWORD": bytes } })).status,
        200,
      );
      for (const headers of [{}, { "X-JR-PASSWORD": "password" }] as Record<string, string>[]) {
        expect(
          await post(url, "exit 0", { headers }),
          401,
          "Invalid password supplied in X-JR-PASSWORD header\n",
        );
      }
      assert.equal((await get(`${url}/status`)).status, 200, "open to everyone");
      assert.equal((await get(`${url}/metrics`)).status, 200, "open to everyone");
    },
  },
  {
    name: "X-JR-PASSWORD: ignored by a server without a password",
    env: shell,
    async check(url) {
      assert.equal((await post(url, "exit 0", { headers: { "X-JR-PASSWORD": "x" } })).status, 200);
    },
  },
  {
    name: "JOBRUNNER_PASSWORD: not logged, and no command inherits it",
    env: {
      ...shell,
      JOBRUNNER_PASSWORD: "hunter2",
      OTEL_EXPORTER_OTLP_HEADERS: "hunter2",
      KEPT: "kept",
    },
    async check(url, program) {
      const { output } = await post(url, "env", { headers: { "X-JR-PASSWORD": "hunter2" } });
      assert.ok(!output.includes("hunter2"));
      assert.match(output, /^KEPT=kept$/m);
      await post(url, "env", { headers: { "X-JR-PASSWORD": "hunter3" } });
      await program.stop();
      assert.doesNotMatch(program.log.join("\n"), /hunter/);
    },
  },
];

const command: Row[] = [
  {
    name: "the command gets its environment, files, standard input and working directory",
    env: { ...shell, JOBRUNNER_NUM_WORKERS: "1" },
    async check(url) {
      const script = [
        'echo "$JOBRUNNER_WORKER_ID"',
        'echo "$JOBRUNNER_REQUEST_ID"',
        'echo "$JOBRUNNER_CMD"',
        "cat | wc -c",
        "pwd",
        "for f in $JOBRUNNER_REQUEST_DATA_FN $JOBRUNNER_RESPONSE_DATA_FN; do",
        '  basename "$f"; stat -c "%a %s" "$f"',
        "done",
        'dirname "$JOBRUNNER_REQUEST_DATA_FN"; dirname "$JOBRUNNER_RESPONSE_DATA_FN"',
        'echo "$JOBRUNNER_JOB_DIR"; stat -c %a "$JOBRUNNER_JOB_DIR"',
      ].join("\n");
      const { output, json } = await post(url, script, { id: "my/id 1" });
      const lines = output.trimEnd().split("\n").map((line) => line.trim());
      assert.deepEqual(lines.slice(0, 5), [
        "1",
        "my/id 1",
        shell.JOBRUNNER_CMD,
        "0",
        projectRoot.slice(0, -1),
      ]);
      assert.match(lines[5] ?? "", /^jobdata_w_1_id_my_id_1_req_[0-9a-f]+$/);
      assert.equal(lines[6], `600 ${script.length}`);
      assert.match(lines[7] ?? "", /^jobdata_w_1_id_my_id_1_res_[0-9a-f]+$/);
      assert.equal(lines[8], "600 0", "the response file exists and is empty");
      assert.match(lines[11] ?? "", /\/job-[0-9a-f]{16}$/);
      assert.deepEqual(lines.slice(9), [lines[11], lines[11], lines[11], "700"]);
      assert.equal(json["exit_status"], 0);
    },
  },
  {
    name: "payload, output and response file carry binary data unchanged",
    env: { JOBRUNNER_CMD: fixture("echo_payload.sh") },
    async check(url) {
      const bytes = new Uint8Array(100_000).map((_, index) => (index * 31) % 256);
      const answer = await postRaw(url, json({ id: "x", data: bytes.toBase64() }));
      for (const key of ["data", "output", "error"]) {
        assert.equal(answer.json[key], bytes.toBase64(), key);
      }
    },
  },
  {
    name: "the job's files are deleted after the job",
    env: shell,
    async check(url) {
      const { output } = await post(
        url,
        'echo "$JOBRUNNER_REQUEST_DATA_FN"; echo "$JOBRUNNER_RESPONSE_DATA_FN"; echo "$JOBRUNNER_JOB_DIR"; exit 3',
      );
      for (const file of output.trim().split("\n")) {
        assert.throws(() => Deno.lstatSync(file), Deno.errors.NotFound);
      }
    },
  },
  {
    name: "a response file that is a link or a FIFO is not read",
    env: shell,
    async check(url) {
      for (const make of ["ln -s /etc/passwd", "mkfifo"]) {
        const script = 'rm "$JOBRUNNER_RESPONSE_DATA_FN"; ' + make +
          ' "$JOBRUNNER_RESPONSE_DATA_FN"';
        const { json } = await post(url, script);
        assert.equal(json["data"], "");
        assert.match(String(json["message"]), /not a regular file/);
      }
    },
  },
];

const http: Row[] = [
  {
    name:
      "200: one line of compact JSON, keys in order, base64 values, elapsed_sec of the run alone",
    env: { ...shell, JOBRUNNER_NUM_WORKERS: "1" },
    async check(url) {
      const answer = await post(
        url,
        'printf out; printf err >&2; printf res >"$JOBRUNNER_RESPONSE_DATA_FN"; exit 7',
        {
          id: "i",
        },
      );
      expect(
        answer,
        200,
        /^{"data":"cmVz","worker_id":1,"elapsed_sec":0\.\d+,"exit_status":7,"output":"b3V0","error":"ZXJy","id":"i","queued_sec":0(\.\d+)?(e-\d+)?,"ending":"exited"}\n$/,
      );
    },
  },
  {
    name: "405: /payload with a method other than POST, with Allow",
    env: shell,
    async check(url) {
      const { status, headers } = await get(`${url}/payload`);
      assert.equal(status, 405);
      assert.equal(headers.get("allow"), "POST, OPTIONS");
    },
  },
  {
    name: "400: broken JSON, broken base64, id or data not a string, missing or empty",
    env: shell,
    async check(url) {
      const cases: [string, string | RegExp][] = [
        ["{", /^The body is not valid JSON.*\n$/],
        ['{"id":"x","data":"%"}', /^Json key 'data' is not valid base64: [^\n]+\n$/],
        ['{"id":1,"data":"YQ=="}', "Json key 'id' is not a string but a number\n"],
        ['{"id":"x","data":1}', "Json key 'data' is not a string but a number\n"],
        ['{"data":"YQ=="}', "Json key 'id' missing or empty\n"],
        ['{"id":"","data":"YQ=="}', "Json key 'id' missing or empty\n"],
        ['{"id":"x"}', "Json key 'data' missing or empty\n"],
        ['{"id":"x","data":""}', "Json key 'data' missing or empty\n"],
        ['{"id":"a\\u0000","data":"YQ=="}', "Json key 'id' contains a NUL character\n"],
        [
          json({ id: "x".repeat(1025), data: "YQ==" }),
          "Json key 'id' is longer than 1024 characters\n",
        ],
      ];
      for (const [body, text] of cases) expect(await postRaw(url, body), 400, text);
    },
  },
  {
    name: "POST /payload takes any Content-Type, ignores unknown keys, and keys are case-sensitive",
    env: shell,
    async check(url) {
      const body = json({
        more: { id: 1 },
        id: "x",
        ID: "y",
        data: base64("echo $JOBRUNNER_REQUEST_ID"),
      });
      assert.equal(
        (await postRaw(url, body, { headers: { "content-type": "text/html" } })).output,
        "x\n",
      );
      assert.equal((await postRaw(url, json({ ID: "x", Data: "YQ==" }))).status, 400);
    },
  },
  {
    name: "id: up to 1024 characters, whatever they are",
    env: shell,
    async check(url) {
      for (const id of ["../../etc/passwd", "a\nb", "😀".repeat(1024), "x".repeat(1024)]) {
        const { output, json } = await post(url, 'printf %s "$JOBRUNNER_REQUEST_ID"', { id });
        assert.equal(output, id);
        assert.equal(json["id"], id);
      }
    },
  },
  {
    name: "GET /status: queued_jobs and total_jobs",
    env: shell,
    async check(url) {
      await post(url, "exit 1");
      await post(url, "exit 0");
      assert.match((await get(`${url}/status`)).text, /^{"queued_jobs":0,"total_jobs":2,/);
    },
  },
  {
    name: "GET /metrics: Prometheus text that counts the jobs",
    env: { ...shell, JOBRUNNER_NUM_WORKERS: "1" },
    async check(url) {
      await post(url, "exit 1");
      await post(url, "exit 0");
      const { headers, text } = await get(`${url}/metrics`);
      assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
      assert.match(text, /^jobrunner_queued_jobs 0$/m);
      assert.match(text, /^jobrunner_jobs_total{worker_id="1",outcome="success"} 1$/m);
      assert.match(text, /^jobrunner_jobs_total{worker_id="1",outcome="failed"} 1$/m);
      assert.match(text, /^jobrunner_job_duration_seconds_count 2$/m);
    },
  },
  {
    name: "503: beyond the queue limit, at once, with the length and Retry-After",
    env: {
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_QUEUE_LIMIT: "1",
    },
    async check(url, _program, folder) {
      const running = post(url, "x", { id: "running" });
      await fileExists(`${folder}/started_running`);
      const answers = [post(url, "x", { id: "a" }), post(url, "x", { id: "b" })];
      const refused = await Promise.race(answers);
      expect(refused, 503, "job queue too large (1)\n");
      assert.match(refused.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
      Deno.writeTextFileSync(`${folder}/release`, "");
      const all = await Promise.all([running, ...answers]);
      assert.deepEqual(all.map((answer) => answer.status).sort(), [200, 200, 503]);
    },
  },
  {
    name: "exit_status: 128 + number, and a signal field, for a command killed by a signal",
    env: shell,
    async check(url) {
      const { json } = await post(url, "kill -SEGV $$");
      assert.deepEqual([json["exit_status"], json["ending"], json["signal"]], [
        139,
        "signaled",
        "SIGSEGV",
      ]);
    },
  },
  {
    name: "JOBRUNNER_MAX_OUTPUT_BYTES: output beyond the limit is cut and flagged",
    env: { ...shell, JOBRUNNER_MAX_OUTPUT_BYTES: "10" },
    async check(url) {
      const script =
        'printf 12345678901; printf 1234567890 >&2; printf 12345678901 >"$JOBRUNNER_RESPONSE_DATA_FN"';
      const { output, error, data, json } = await post(url, script);
      assert.deepEqual([output, error, data], ["1234567890", "1234567890", "1234567890"]);
      assert.deepEqual(
        [json["output_truncated"], json["error_truncated"], json["data_truncated"]],
        [true, undefined, true],
      );
    },
  },
  {
    name: "errors are problem details when Accept asks for JSON",
    env: shell,
    async check(url) {
      const { status, json, headers } = await postRaw(url, "{}", {
        headers: { accept: "application/json" },
      });
      assert.equal(headers.get("content-type"), "application/problem+json");
      assert.deepEqual([status, json["status"], json["detail"]], [
        400,
        400,
        "Json key 'id' missing or empty",
      ]);
    },
  },
  {
    name: "answers are neither compressed nor cacheable, whatever the client accepts",
    env: shell,
    async check(url) {
      const headers = { "Accept-Encoding": "gzip, br" };
      const ran = await post(url, "head -c 5000 /dev/zero", { headers });
      const others = ["/metrics", "/status", "/nowhere"].map((path) =>
        get(url + path, { headers })
      );
      for (const answer of [ran, ...await Promise.all(others)]) {
        assert.equal(answer.headers.get("content-encoding"), null);
        assert.equal(answer.headers.get("cache-control"), "no-store, no-transform");
      }
    },
  },
  {
    name: "the log never has payloads or output, and an id cannot break a line",
    env: shell,
    async check(url, program) {
      await post(url, "echo s3cret; echo s3cret >&2; # s3cret", { id: "x\nforged INFO line" });
      await postRaw(url, '{"id":"s3cret","data":"s3cret!"}');
      await postRaw(url, "s3cret");
      await program.stop();
      assert.doesNotMatch(program.log.join("\n"), /s3cret/);
      assert.ok(
        program.log.some((line) => line.includes('id="x\\nforged INFO line"')),
        program.log.join("\n"),
      );
      for (const line of program.log) {
        assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (INFO|WARN|WARNING|ERROR) /);
      }
    },
  },
];

function expectNotStarted(answer: Answer, exitStatus: number, reason: RegExp) {
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.json["exit_status"], answer.json["ending"]], [
    exitStatus,
    "not_started",
  ]);
  assert.match(answer.error, reason);
  assert.match(String(answer.json["message"]), reason);
}

const changed: Row[] = [
  {
    name: "400: a body that is not UTF-8, whose ids would become equal",
    env: shell,
    async check(url) {
      for (const [id, byte] of [["Müller", "0xFC"], ["Mäller", "0xE4"]] as const) {
        const body = json({ id, data: base64("echo $JOBRUNNER_REQUEST_ID") });
        const latin1 = Uint8Array.from(body, (character) => character.charCodeAt(0));
        const sentence = `The body is not UTF-8 text (byte 9 is ${byte})`;
        expect(await postRaw(url, latin1), 400, `${sentence}: send UTF-8\n`);
        assert.equal((await postRaw(url, body)).output, `${id}\n`);
      }
    },
  },
  {
    name:
      "a command that is deleted while serving is 127, a non-executable one 126, until it is back",
    async check(url, _program, folder) {
      const script = `${folder}/tool.sh`;
      assert.equal((await post(url, "x")).output, "here\n");
      Deno.chmodSync(script, 0o644);
      expectNotStarted(await post(url, "x"), 126, /cannot run .*tool\.sh: permission denied/);
      Deno.removeSync(script);
      expectNotStarted(await post(url, "x"), 127, /cannot run .*tool\.sh: not found/);
      Deno.writeTextFileSync(script, "#!/bin/sh\necho back\n", { mode: 0o755 });
      assert.equal((await post(url, "x")).output, "back\n");
    },
  },
  {
    name: "a command that does not exist at the start is 127, and causes a warning",
    env: { JOBRUNNER_CMD: "/no/such/program" },
    async check(url, program) {
      await program.line("/no/such/program is missing or not an executable file");
      expectNotStarted(await post(url, "x"), 127, /not found/);
      assert.match((await get(`${url}/metrics`)).text, /outcome="not_started"} 1$/m);
    },
  },
];

for (const row of [...environment, ...command, ...http, ...changed]) {
  Deno.test(`contract: ${row.name}`, async () => {
    using folder = temporaryFolder();
    const tool = `${folder.path}/tool.sh`;
    Deno.writeTextFileSync(tool, "#!/bin/sh\necho here\n", { mode: 0o755 });
    await using program = await startProgram({
      env: {
        HOLD_RELEASE: `${folder.path}/release`,
        ...(row.args ? {} : { JOBRUNNER_CMD: tool }),
        ...row.env,
      },
      ...(row.args ? { args: row.args } : {}),
    });
    await row.check(program.url, program, folder.path);
    assert.equal(await program.stop(), 0, "it stops cleanly when nothing runs");
  });
}

Deno.test("contract: serve exits with 2 on wrong settings, and reports all of them at once", async () => {
  const { code, stdout, stderr } = await runProgram({
    env: { JOBRUNNER_NUM_WORKERS: "0", JOBRUNNER_HTTP_LISTEN_PORT: "x" },
  });
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    "JOBRUNNER_CMD=: must be a program and its arguments (or use --cmd, or jobrunner serve -- PROGRAM ARG…)",
    "JOBRUNNER_NUM_WORKERS=0: must be a whole number from 1 to 1024 (0 only with JOBRUNNER_NATS_URL)",
    "JOBRUNNER_HTTP_LISTEN_PORT=x: must be a whole number from 0 to 65535",
  ]);
});

Deno.test("contract: serve exits with 1 and names the address when the port is taken", async () => {
  await using program = await startProgram({ env: shell });
  const { host, port } = new URL(program.url);
  const { code, stderr } = await runProgram({
    env: { ...shell, JOBRUNNER_HTTP_LISTEN_PORT: port },
  });
  assert.equal(code, 1);
  assert.ok(stderr.includes(`cannot listen on ${host}: `), stderr);
});
