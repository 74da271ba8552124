/**
 * `send --follow` of the real program: output as it comes, and the end of a job that is followed.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { type Exit, fixture, projectRoot, runProgram, startProgram } from "../support/program.ts";
import { eventsAnswer, startRunServer } from "../support/run_server.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function follow(url: string, ...more: string[]): Promise<Exit> {
  return runProgram({
    args: ["send", "--url", url, "--follow", "-", ...more],
    stdin: encode("payload"),
  });
}

Deno.test("send --follow writes the command's streams, and the response file at the end", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  await using server = startRunServer(() =>
    eventsAnswer([
      { event: "queued", place: 3 },
      { event: "ping" },
      { event: "started", worker_id: 1, pid: 77 },
      { event: "stdout", text: "out ä\n" },
      { event: "stderr", text: "err\n" },
      { event: "progress", percent: 40, text: "page 4" },
      { event: "something new", text: "x" },
      { event: "truncated", stdout_bytes: 5 },
      { event: "stdout", base64: "/w==" },
      { event: "exit", exit_status: 7, data: "ZmlsZQo=", output_truncated: true },
    ])
  );
  const { code, stdout, stderr } = await follow(server.url, "--output", output);
  assert.deepEqual([code, stdout], [7, "out ä\n\ufffd"]);
  assert.equal(
    stderr,
    "err\njobrunner send: 5 bytes of output are missing here: they came faster than they were read\n",
  );
  assert.equal(Deno.readTextFileSync(output), "file\n");
  const [request] = server.requests;
  assert.equal(
    request?.headers.get("accept"),
    "application/x-ndjson, application/problem+json;q=0.9",
  );
  assert.equal(
    (await follow(server.url)).stderr.match(/response file of 5 bytes was dropped/)?.length,
    1,
  );
});

Deno.test("send --follow writes each piece of output when it comes", async () => {
  const shown = Promise.withResolvers<void>();
  const line = (event: unknown) => encode(`${JSON.stringify(event)}\n`);
  await using server = startRunServer(() =>
    new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(line({ event: "stdout", text: "first\n" }));
          await shown.promise;
          controller.enqueue(line({ event: "exit", exit_status: 0 }));
          controller.close();
        },
      }),
      { headers: { "content-type": "application/x-ndjson" } },
    )
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", `${projectRoot}main.ts`]
      .concat(["send", "--url", server.url, "--follow", `${projectRoot}LICENSE`]),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  for await (const piece of child.stdout) {
    text += new TextDecoder().decode(piece);
    // The job ends only when its output has been seen.
    if (text === "first\n") shown.resolve();
  }
  assert.deepEqual([(await child.status).code, text], [0, "first\n"]);
});

Deno.test("send --follow reports a response file that is too large to follow, after the streams", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  await using server = startRunServer(() =>
    eventsAnswer([
      { event: "stdout", text: "out\n" },
      { event: "exit", exit_status: 0, data_truncated: true, data_bytes: 2_000_000 },
    ])
  );
  const refused = await follow(server.url, "--output", output);
  assert.deepEqual([refused.code, refused.stdout], [73, "out\n"]);
  assert.match(
    refused.stderr,
    /^jobrunner send: the response file of 2000000 bytes was too large to follow: send the job without --follow\n$/,
  );
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  const dropped = await follow(server.url);
  assert.equal(dropped.code, 0);
  assert.match(dropped.stderr, /^jobrunner send: the response file of 2000000 bytes was dropped/);
});

Deno.test("send --follow --retry retries after an error event by its code, and reports the last one", async () => {
  await using passing = startRunServer((_, number) =>
    number === 1
      ? eventsAnswer([
        { event: "queued", place: 1 },
        { event: "error", status: 503, code: "queue_timeout", detail: "late", retry_after_sec: 1 },
      ])
      : eventsAnswer([{ event: "stdout", text: "out\n" }, { event: "exit", exit_status: 0 }])
  );
  const sent = await follow(passing.url, "--retry", "1");
  assert.deepEqual(sent, { code: 0, stdout: "out\n", stderr: "" });
  await using lost = startRunServer(() =>
    eventsAnswer([{ event: "error", status: 502, code: "node_lost", detail: "the node was lost" }])
  );
  const { code, stderr } = await follow(lost.url, "--retry", "3");
  assert.deepEqual([code, stderr], [70, "jobrunner send: 502: the node was lost\n"]);
  assert.equal(lost.requests.length, 1);
});

Deno.test("send --follow reports events that break off, or are something else", async () => {
  await using breaking = startRunServer(() => eventsAnswer([{ event: "stdout", text: "out\n" }]));
  const broken = await follow(breaking.url, "--retry", "3");
  assert.deepEqual([broken.code, broken.stdout, breaking.requests.length], [69, "out\n", 1]);
  assert.match(broken.stderr, /\/run: the answer broke off: the job may have run/);
  await using strange = startRunServer(() =>
    new Response("hello\n", { headers: { "content-type": "application/x-ndjson" } })
  );
  assert.equal((await follow(strange.url)).code, 76);
});

Deno.test("send --follow follows a job of the real server", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh") },
  });
  const run = (script: string) =>
    runProgram({
      args: ["send", "--url", program.url, "--follow", "--output", output, "-"],
      stdin: encode(script),
    });
  assert.deepEqual(
    await run(
      'echo out; echo "::progress 40 page 4" >&2; echo err >&2; ' +
        'echo file >"$JOBRUNNER_RESPONSE_DATA_FN"; exit 9',
    ),
    { code: 9, stdout: "out\n", stderr: "err\n" },
  );
  assert.equal(Deno.readTextFileSync(output), "file\n");
  const large = await run('echo out; head -c 3000000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"');
  assert.deepEqual([large.code, large.stdout], [73, "out\n"]);
  assert.match(
    large.stderr,
    /^jobrunner send: the response file of 3000000 bytes was too large to/,
  );
  assert.equal(Deno.readTextFileSync(output), "file\n");
});

Deno.test("send --follow says that an older server cannot be followed, and runs the job", async () => {
  await using server = startRunServer(({ target }) =>
    target.startsWith("/run")
      ? new Response("not found", { status: 404 })
      : new Response('{"data":"","exit_status":9,"output":"b3V0Cg==","error":""}')
  );
  assert.deepEqual(await follow(server.url), {
    code: 9,
    stdout: "out\n",
    stderr: "jobrunner send: the server is too old to be followed: the output comes at the end\n",
  });
});
