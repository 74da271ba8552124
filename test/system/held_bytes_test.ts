/**
 * What the server holds in memory for requests: bodies that arrive, outputs, answers that are not read.
 */

import assert from "node:assert/strict";
import {
  base64,
  fillLog,
  get,
  headOf,
  post,
  postRaw,
  say,
  scrape,
  statusOf,
} from "../support/client.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram, unreadLog } from "../support/program.ts";
import { temporaryFolder } from "../support/folder.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh") };
const encoder = new TextEncoder();

async function held(url: string) {
  const { buffered_bytes, buffered } = await statusOf(url);
  return { all: buffered_bytes, ...buffered };
}

/** Requests that the server knows of. */
async function activePosts(url: string): Promise<number | undefined> {
  const series = 'http_server_active_requests{http_request_method="POST",url_scheme="http"}';
  return (await scrape(url)).get(series);
}

/** Answers that were given up. */
async function givenUp(url: string): Promise<number | undefined> {
  return (await scrape(url)).get("jobrunner_answers_given_up_total");
}

/** A job with so many bytes beside its payload. */
function job(payload: string, bytes = 0): string {
  return JSON.stringify({ id: "x", data: base64(payload), more: "x".repeat(bytes) });
}

/** A job with a large output, whose client reads nothing of it. */
async function deafClient(url: string, bytes: number): Promise<Deno.TcpConn> {
  const body = job(`head -c ${bytes} /dev/zero`);
  return await say(url, headOf(body.length) + body);
}

Deno.test("a body that is announced but not sent takes neither budget nor memory", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_MAX_BUFFERED_BYTES: "120000000" },
  });
  const { url, pid } = program;
  const virtualMb = () => {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^VmSize:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  };
  const before = virtualMb();
  const silent = await Promise.all(
    Array.from({ length: 300 }, () => say(url, headOf(100_000_000))),
  );
  await eventually("all are known", async () => await activePosts(url) === silent.length);
  const { all } = await held(url);
  assert.ok(all <= silent.length * 16_384, `${all} bytes`);
  assert.ok(virtualMb() - before < 3_000, `from ${before} to ${virtualMb()} MB`);
  assert.equal((await postRaw(url, job("echo served", 50_000_000))).output, "served\n");
  for (const connection of silent) connection.close();
  await eventually("nothing is held", async () => (await held(url)).all === 0);
});

Deno.test("JOBRUNNER_REQUEST_TIMEOUT_SEC does not end a longer upload that keeps flowing", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_REQUEST_TIMEOUT_SEC: "1" },
  });
  const body = encoder.encode(job("echo whole", 400_000));
  let sent = 0;
  const startedAt = performance.now();
  const slow = new ReadableStream({
    async pull(controller) {
      controller.enqueue(body.slice(sent, sent += 20_000));
      if (sent >= body.length) return controller.close();
      await new Promise((resolve) => setTimeout(resolve, 125));
    },
  });
  const answer = await postRaw(program.url, slow);
  assert.equal(answer.output, "whole\n", answer.text);
  assert.ok(performance.now() - startedAt > 2000, "it took more than two periods");
});

Deno.test("/status and /metrics count the output of a running command until its answer is read", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({ env: shell });
  const { url } = program;
  const release = `${folder.path}/release`;
  const answer = post(
    url,
    `head -c 200000 /dev/zero; while [ ! -e '${release}' ]; do sleep 0.01; done`,
  );
  await eventually("it is captured", async () => (await held(url)).captures === 200_000);
  const { text } = await get(`${url}/metrics`);
  assert.match(text, /^jobrunner_buffered_bytes\{share="captures"\} 200000$/m);
  assert.match(text, /^jobrunner_buffered_bytes\{share="bodies"\} 0$/m);
  assert.match(text, /^jobrunner_buffered_bytes\{share="answers"\} 0$/m);
  Deno.writeTextFileSync(release, "");
  assert.equal((await answer).output.length, 200_000);
  await eventually("nothing is held", async () => (await held(url)).all === 0);
});

Deno.test("JOBRUNNER_ANSWER_TIMEOUT_SEC ends unread answers; until then half the budget is left to jobs", async () => {
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_MAX_BUFFERED_BYTES: "20000000",
      JOBRUNNER_ANSWER_TIMEOUT_SEC: "5",
    },
  });
  const { url } = program;
  using first = await deafClient(url, 30_000_000);
  using _second = await deafClient(url, 30_000_000);
  await eventually("both are held", async () => (await held(url)).answers === 60_000_000);
  assert.equal((await postRaw(url, job("echo served", 7_000_000))).output, "served\n");
  const refused = await postRaw(url, job("echo refused", 9_000_000));
  assert.equal(refused.status, 503);
  assert.match(refused.text, /^Other requests hold too many bytes in memory/);
  await eventually("they are given up", async () => (await held(url)).all === 0);
  assert.match(
    await program.line("gave up on an unread response"),
    / WARN .* cause=answer_timeout$/,
  );
  assert.equal(await activePosts(url), 0);
  assert.equal(await givenUp(url), 2);
  assert.equal((await postRaw(url, job("echo served", 9_000_000))).output, "served\n");
  const text = await restOf(first);
  assert.match(text, /^HTTP\/1\.1 200 /);
  assert.ok(text.length < 30_000_000);
  assert.equal(await program.stop(), 0, "these were given up long before the stop");
});

Deno.test("JOBRUNNER_ANSWER_TIMEOUT_SEC does not end an answer that is read slowly", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_ANSWER_TIMEOUT_SEC: "2" },
  });
  using connection = await deafClient(program.url, 30_000_000);
  await program.line("job ended");
  const startedAt = performance.now();
  const text = await restOf(connection, { end: /}\n$/, pauseMs: 75 });
  assert.ok(text.length > 40_000_000);
  assert.ok(performance.now() - startedAt > 2000, "it took longer than that");
  await eventually("nothing is held", async () => (await held(program.url)).all === 0);
  assert.doesNotMatch(program.log.join("\n"), /gave up/);
});

/** Gives something that must not happen time to happen: jobs run, one after the other. */
async function serves(url: string, jobs = 20): Promise<void> {
  for (let count = 0; count < jobs; count++) {
    const { output } = await post(url, "echo served", { signal: AbortSignal.timeout(20_000) });
    assert.equal(output, "served\n");
  }
}

Deno.test("JOBRUNNER_ANSWER_TIMEOUT_SEC ends an unread answer even if the log is not read", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_ANSWER_TIMEOUT_SEC: "0.5" },
    through: unreadLog(folder.path),
  });
  const { url } = program;
  await fillLog(url);
  const deaf = await deafClient(url, 30_000_000);
  await eventually("it is given up", async () => await givenUp(url) === 1);
  await restOf(deaf);
  deaf.close();
  await serves(url);
  assert.equal(await program.stop(), 0);
});

Deno.test("an answer states its length, so that its end is known in HTTP/1.0 too", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_ANSWER_TIMEOUT_SEC: "0.5" },
  });
  const { url } = program;
  const read = async (bytes: number, whole: boolean) => {
    const body = job(`head -c ${bytes} /dev/zero`);
    using connection = await say(url, headOf(body.length).replace("HTTP/1.1", "HTTP/1.0") + body);
    if (!whole) {
      await eventually("it is given up", async () => await givenUp(url) === 1);
    }
    const text = await restOf(connection, { end: /}\n$/ });
    const stated = Number(/\r\ncontent-length: (\d+)\r\n/.exec(text)?.[1]);
    assert.ok(stated > bytes, text.slice(0, 300));
    return { stated, came: text.length - text.indexOf("\r\n\r\n") - 4 };
  };
  for (const bytes of [100, 48_000, 60_000, 2_000_000]) {
    const { stated, came } = await read(bytes, true);
    assert.equal(came, stated);
  }
  const { stated, came } = await read(30_000_000, false);
  assert.ok(came < stated, `${came} of ${stated}`);
});

/** A frame of HTTP/2 (RFC 9113, section 4.1). */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = [length >> 16, length >> 8, length, type, flags, 0, 0, stream >> 8, stream];
  return Uint8Array.from([...head, ...payload]);
}

/** Jobs over one connection of HTTP/2, whose client leaves its windows at the default: 65 535 bytes. */
function http2Requests(bodies: readonly string[]): Uint8Array {
  const [settings, headers, data] = [4, 1, 0];
  const [endOfStream, endOfHeaders] = [1, 4];
  // POST, http, then a path and a host that are in no table (RFC 7541, section 6.2.2).
  const fields = Uint8Array.from([
    ...[0x83, 0x86, 0x04, "/payload".length, ...encoder.encode("/payload")],
    ...[0x01, "localhost".length, ...encoder.encode("localhost")],
  ]);
  const frames = bodies.flatMap((body, index) => [
    frame(headers, endOfHeaders, 2 * index + 1, fields),
    frame(data, endOfStream, 2 * index + 1, encoder.encode(body)),
  ]);
  const preface = encoder.encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const all = [preface, frame(settings, 0, 0, new Uint8Array()), ...frames];
  return Uint8Array.from(all.flatMap((bytes) => [...bytes]));
}

Deno.test("JOBRUNNER_ANSWER_TIMEOUT_SEC ends an unread answer over HTTP/2, even for its last byte", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_ANSWER_TIMEOUT_SEC: "0.5" },
  });
  const { url } = program;
  // The runtime has the whole of the shorter one at once: it fits into the window, except for its end.
  const jobs = [60_000, 1_000_000].map((bytes) => job(`head -c ${bytes} /dev/zero`));
  using deaf = await say(url, "");
  await deaf.write(http2Requests(jobs));
  await eventually("both are given up", async () => await givenUp(url) === 2);
  assert.equal(await activePosts(url), 0);
  assert.equal((await held(url)).all, 0);
  assert.equal(await program.stop(), 0);
});

/** Reads a connection to its end, or until the text ends with `end`. */
async function restOf(
  connection: Deno.TcpConn,
  { end, pauseMs = 0 }: { readonly end?: RegExp; readonly pauseMs?: number } = {},
): Promise<string> {
  const buffer = new Uint8Array(1_000_000);
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) return text;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
    if (end?.test(text.slice(-20))) return text;
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
