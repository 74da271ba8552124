/**
 * Bodies that are small or legal, and would cost the server much more than they cost their sender.
 */

import assert from "node:assert/strict";
import { post, postRaw, statusOf } from "../support/client.ts";
import { beginChunked } from "../support/half_sent.ts";
import { fixture, startProgram } from "../support/program.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };
const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("POST /payload answers 411 to tiny chunks before their end, and serves others meanwhile", async () => {
  await using program = await startProgram({ env: shell });
  using connection = await beginChunked(program.url, "/payload");
  await connection.chunks(3_000, 1);
  assert.match(await connection.answer(), /^HTTP\/1\.1 411 /);
  assert.equal((await post(program.url, "echo served")).output, "served\n");
  assert.equal((await statusOf(program.url)).buffered_bytes, 0);
});

Deno.test("POST /payload answers 411 to a chunked body beyond 8 MiB, and runs one within", async () => {
  await using program = await startProgram({ env: shell });
  using connection = await beginChunked(program.url, "/payload");
  const sending = connection.chunks(200, 65_536).catch(() => "the server closed the connection");
  assert.match(await connection.answer(), /^HTTP\/1\.1 411 /);
  const body = encode(
    JSON.stringify({ id: "x", data: encode("echo ran").toBase64(), more: "x".repeat(7_000_000) }),
  );
  assert.equal((await postRaw(program.url, new Blob([body]).stream())).output, "ran\n");
  assert.equal((await post(program.url, "echo served")).output, "served\n");
  connection[Symbol.dispose]();
  await sending;
});

Deno.test("POST /payload answers 408 to a chunked body that stalls, and logs no error", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_REQUEST_TIMEOUT_SEC: "0.2" },
  });
  {
    using connection = await beginChunked(program.url, "/payload");
    await connection.chunks(2, 10);
    assert.match(await connection.answer(), /^HTTP\/1\.1 408 /);
  }
  assert.equal((await post(program.url, "echo served")).output, "served\n");
  assert.equal(await program.stop(), 0);
  assert.doesNotMatch(program.log.join("\n"), / ERROR /);
});

Deno.test("POST /payload answers 401 without reading a chunked body", async () => {
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_PASSWORD: "p" } });
  using connection = await beginChunked(program.url, "/payload");
  await connection.chunks(20_000, 1);
  assert.match(await connection.answer(), /^HTTP\/1\.1 401 /);
  const headers = { "x-jr-password": "p" };
  assert.equal((await post(program.url, "echo served", { headers })).output, "served\n");
});

Deno.test("POST /payload answers 400 to a body full of brackets, and keeps serving", async () => {
  await using program = await startProgram({ env: shell });
  const start = '{"id":"x","data":"QQ==","more":';
  const body = new Uint8Array(60_000_000).fill("[".charCodeAt(0));
  body.set(encode(start));
  const { status, text } = await postRaw(program.url, body);
  assert.equal(status, 400);
  assert.match(text, /^The body has more than 65536 of the characters/);
  assert.equal((await post(program.url, "echo served")).output, "served\n");
});

Deno.test("POST /payload answers 400 to padding in the middle of data, and names its place", async () => {
  await using program = await startProgram({ env: shell });
  const data = `${"QUJD".repeat(327_680)}${"=".repeat(65_535)}A`;
  const { status, text } = await postRaw(program.url, `{"id":"x","data":"${data}"}`);
  assert.equal(status, 400);
  assert.match(text, /: character 1376256 follows padding, which must be at the end\n$/);
});

Deno.test("POST /payload answers 415 to a compressed body, and reports an empty body", async () => {
  await using program = await startProgram({ env: shell });
  const headers = { "content-encoding": "gzip" };
  const refused = await postRaw(program.url, "x", { headers });
  assert.equal(refused.status, 415);
  assert.equal(refused.headers.get("accept-encoding"), "identity");
  assert.equal((await postRaw(program.url, "")).text, "The body is empty\n");
});

Deno.test("POST /payload answers 400 to a body that is not UTF-8, and accepts a byte order mark", async () => {
  await using program = await startProgram({ env: shell });
  const data = encode('printf %s "$JOBRUNNER_REQUEST_ID"').toBase64();
  const bodyOf = (id: string, more = "") => JSON.stringify({ id, data, more });
  const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  const utf16 = (text: string) => latin1(text.replace(/./gs, "$&\0"));
  const headers = { "content-type": "application/json; charset=ISO-8859-1" };
  const large = "x".repeat(2_000_000);
  const sentence = "The body is not UTF-8 text (byte 9 is 0xFC)";
  const refused: [Uint8Array<ArrayBuffer>, Record<string, string>, string][] = [
    [latin1(bodyOf("Müller")), {}, `${sentence}: send UTF-8\n`],
    [
      latin1(bodyOf("Müller", large)),
      headers,
      `${sentence}, and its Content-Type says charset=ISO-8859-1: send UTF-8\n`,
    ],
    [utf16(bodyOf("Müller")), {}, "The body is UTF-16 text: send UTF-8\n"],
    [utf16(bodyOf("x", large)), {}, "The body is UTF-16 text: send UTF-8\n"],
    [latin1("\xff\xfe{\0}\0"), {}, "The body is UTF-16 text: send UTF-8\n"],
  ];
  for (const [body, headers, sentence] of refused) {
    const { status, text } = await postRaw(program.url, body, { headers });
    assert.deepEqual([status, text], [400, sentence]);
  }
  for (const id of ["Müller", "Mäller", "a\ufffdb"]) {
    for (const more of ["", large]) {
      const { output } = await postRaw(program.url, encode(`\ufeff${bodyOf(id, more)}`), {
        headers,
      });
      assert.equal(output, id);
    }
  }
  const { buffered_bytes, total_jobs } = await statusOf(program.url);
  assert.deepEqual([buffered_bytes, total_jobs], [0, 6]);
});
