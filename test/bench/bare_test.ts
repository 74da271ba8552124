import assert from "node:assert/strict";
import { startBareServer } from "../../bench/bare.ts";
import { type Address, connect } from "../../bench/client.ts";
import { hasExitStatus0 } from "../../bench/loads/exit_status.ts";
import { postRequest } from "../../bench/request.ts";
import { smallJob } from "../../bench/round.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture } from "../support/program.ts";

const { signal } = new AbortController();

/** Posts a small job; resolves with the bytes of its answer. */
async function post(address: Address): Promise<Uint8Array> {
  using client = await connect(address);
  const { body } = await client.exchange(postRequest({ ...smallJob, address }).bytes);
  return body;
}

const parse = (body: Uint8Array) => JSON.parse(new TextDecoder().decode(body));

Deno.test("the bare server runs a job, answers with our keys and leaves no file", async () => {
  using folder = temporaryFolder();
  const options = { program: fixture("echo_payload.sh"), workers: 1, folder: folder.path };
  await using server = await startBareServer(options, signal);
  const body = await post(server.address);
  const answer = parse(body);
  assert.deepEqual(Object.entries(answer).filter(([key]) => key !== "elapsed_sec"), [
    ["data", "aGVsbG8="],
    ["worker_id", 1],
    ["exit_status", 0],
    ["output", "aGVsbG8="],
    ["error", "aGVsbG8="],
    ["id", "bench-00000000"],
  ]);
  assert.equal(Object.keys(answer)[2], "elapsed_sec");
  assert.ok(answer.elapsed_sec > 0);
  assert.ok(hasExitStatus0(body));
  await server.stop();
  const files = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  assert.deepEqual(files.filter((name) => !name.endsWith(".log")), []);
});

Deno.test("the bare server runs as many jobs at a time as it has workers; the others wait", async () => {
  using folder = temporaryFolder();
  const program = `${folder.path}/alone.sh`;
  // Exits with 1 while another one runs.
  const script = '#!/bin/sh\nmkdir "$0.lock" || exit 1\nrmdir "$0.lock"\nexit 3\n';
  Deno.writeTextFileSync(program, script, { mode: 0o755 });
  const options = { program, workers: 1, folder: folder.path };
  await using server = await startBareServer(options, signal);
  const answers = await Promise.all(Array.from({ length: 10 }, () => post(server.address)));
  for (const { exit_status, worker_id } of answers.map(parse)) {
    assert.deepEqual([exit_status, worker_id], [3, 1]);
  }
});
