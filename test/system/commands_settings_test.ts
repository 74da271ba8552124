/**
 * The limits that each named command has of its own.
 */

import assert from "node:assert/strict";
import { heldBy } from "../support/app.ts";
import { post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { shellTable, startNamed } from "../support/named.ts";

Deno.test("each command has its own timeout", async () => {
  await using program = await startNamed(
    `job_timeout_sec = 60\n${shellTable("short", "job_timeout_sec = 0.2")}${shellTable("long")}`,
  );
  const script = "echo $JOBRUNNER_TIMEOUT_SEC; exec sleep";
  const { json, output } = await post(program.url, `${script} 600`, { command: "short" });
  assert.deepEqual([json["ending"], output], ["timed_out", "0.2\n"]);
  const long = await post(program.url, `${script} 0.4`, { command: "long" });
  assert.deepEqual([long.json["ending"], long.output], ["exited", "60\n"]);
});

Deno.test("kill_grace_sec = 0 kills at once, beside a command with the grace period of the server", async () => {
  await using program = await startNamed(
    `job_timeout_sec = 1\n${shellTable("harsh", "kill_grace_sec = 0")}${shellTable("gentle")}`,
  );
  const script = "trap 'echo asked; exit 9' TERM; echo begun; while :; do sleep 0.01; done";
  const [harsh, gentle] = await Promise.all(
    ["harsh", "gentle"].map((command) => post(program.url, script, { command })),
  );
  assert.deepEqual([harsh?.json["ending"], harsh?.output], ["timed_out", "begun\n"]);
  assert.deepEqual([gentle?.json["ending"], gentle?.output], ["timed_out", "begun\nasked\n"]);
  const { json } = await post(program.url, "trap '' TERM; while :; do sleep 0.01; done", {
    command: "harsh",
  });
  assert.ok(Number(json["elapsed_sec"]) < 5, "the server's grace period did not pass");
});

Deno.test("max_request_bytes and max_output_bytes hold for one command alone", async () => {
  await using program = await startNamed(
    shellTable("small", "max_request_bytes = 300\nmax_output_bytes = 5") + shellTable("large"),
  );
  const script = `echo 1234567890 # ${"x".repeat(300)}`;
  const tooLarge = await post(program.url, script, { command: "small" });
  assert.equal(tooLarge.status, 413);
  assert.match(tooLarge.text, /\b300\b/);
  const whole = await post(program.url, script, { command: "large" });
  assert.deepEqual([whole.output, whole.json["output_truncated"]], ["1234567890\n", undefined]);
  const cut = await post(program.url, "echo 1234567890", { command: "small" });
  assert.deepEqual([cut.output, cut.json["output_truncated"]], ["12345", true]);
});

Deno.test("on_disconnect decides for each command what becomes of a job whose client has left", async () => {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(
    shellTable("stays", 'on_disconnect = "finish"') +
      shellTable("goes", 'on_disconnect = "cancel"'),
  );
  const leave = new AbortController();
  const answers = ["stays", "goes"].map((command) =>
    post(program.url, `: >${folder.path}/${command}; ${held.script}`, {
      command,
      id: command,
      signal: leave.signal,
    }).then(() => "answered", () => "left")
  );
  await fileExists(`${folder.path}/stays`);
  await fileExists(`${folder.path}/goes`);
  leave.abort();
  assert.deepEqual(await Promise.all(answers), ["left", "left"]);
  await program.line("id=goes worker_id=1 command=goes pool=goes outcome=canceled");
  held.release();
  await program.line("id=stays worker_id=1 command=stays pool=stays outcome=success");
});

Deno.test("request_suffix and response_suffix end the names of one command's files", async () => {
  await using program = await startNamed(
    'request_suffix = ".all"\n' + shellTable("plain") +
      shellTable("named", 'request_suffix = ".docx"\nresponse_suffix = ".pdf"'),
  );
  const script = 'echo "$JOBRUNNER_REQUEST_DATA_FN $JOBRUNNER_RESPONSE_DATA_FN"';
  assert.match(
    (await post(program.url, script, { command: "named" })).output,
    /^\S+\.docx \S+\.pdf\n$/,
  );
  assert.match(
    (await post(program.url, script, { command: "plain" })).output,
    /^\S+\.all [^\s.]+\n$/,
  );
});
