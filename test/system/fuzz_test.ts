/**
 * Bytes on the socket: whatever they are, they cause no 5xx and no crash, and no memory stays held.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { post, statusOf } from "../support/client.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";
import { character } from "../support/text.ts";

const encoder = new TextEncoder();
const job = JSON.stringify({
  id: "fuzz",
  data: encoder.encode("exit 0").toBase64(),
  timeout_sec: 5,
});

/** Requests that are right, nearly right, or noise. */
const requests = fc.record({
  method: fc.constantFrom("POST", "GET", "HEAD", "PUT", "OPTIONS", "post", "CONNECT", "X-Y", ""),
  path: fc.oneof(
    fc.constantFrom(
      "/payload",
      "/status",
      "/metrics",
      "/readyz",
      "/payload/",
      "//payload",
      "*",
      "",
      "/%00",
      "/a?b=/payload",
    ),
    fc.string(),
  ),
  version: fc.constantFrom("HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/9.9"),
  headers: fc.array(
    fc.oneof(
      fc.constantFrom(
        "Host: localhost",
        "Accept: application/json",
        "Accept: ,;q=*/*",
        "Expect: 100-continue",
        "Transfer-Encoding: chunked",
        "Content-Encoding: gzip",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Connection: upgrade",
        "Upgrade: websocket",
        "X-Request-Id: \u0001",
        "X-JR-PASSWORD: \u00ff",
      ),
      fc.tuple(fc.string(), fc.string({ unit: character })).map(([name, value]) =>
        `${name}: ${value}`
      ),
    ),
    { maxLength: 5 },
  ),
  length: fc.constantFrom("right", "none", "short", "long"),
  body: fc.oneof(
    fc.constant(job),
    fc.json(),
    fc.string({ unit: character }),
    fc.constant(`5\r\nhello\r\n0\r\n\r\n`),
  ),
});

function bytesOf(
  { method, path, version, headers, length, body }: (typeof requests) extends fc.Arbitrary<infer T>
    ? T
    : never,
) {
  const size = encoder.encode(body).length;
  const announced = { right: size, none: undefined, short: size >> 1, long: size + 10 }[length];
  const lines = [`${method} ${path} ${version}`, "Host: localhost", ...headers];
  if (announced !== undefined) lines.push(`Content-Length: ${announced}`);
  return encoder.encode(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

Deno.test("serve neither answers with a 5xx nor crashes, whatever the bytes on the socket", async () => {
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_REQUEST_TIMEOUT_SEC: "0.05",
      JOBRUNNER_JOB_TIMEOUT_SEC: "5",
    },
  });
  const { hostname, port } = new URL(program.url);
  const anything = fc.oneof(
    { weight: 4, arbitrary: requests.map(bytesOf) },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 500 }).map((bytes) => new Uint8Array(bytes)),
    },
  );
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(anything, async (bytes) => {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      await connection.write(bytes);
      // What is not whole gets no answer, or a 408: the client gives up after a while.
      const timer = setTimeout(() => connection.close(), 100);
      const buffer = new Uint8Array(65536);
      const length = await connection.read(buffer).catch(() => null) ?? 0;
      clearTimeout(timer);
      const answer = new TextDecoder().decode(buffer.subarray(0, length));
      try {
        connection.close();
      } catch {
        // The client gave up.
      }
      answered += Number(length > 0);
      assert.doesNotMatch(answer, /^HTTP\/1\.\d 5\d\d/);
    }),
    {
      numRuns: 250,
      examples: ["<", "?"].map((target) => [
        encoder.encode(`CONNECT ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
      ]),
    },
  );
  assert.ok(answered > 100, `${answered} answers`);
  assert.equal((await post(program.url, "echo alive")).output, "alive\n");
  await eventually("everything is given back", async () => {
    const status = await statusOf(program.url);
    return status.busy === 0 && status.queued_jobs === 0 && status.buffered_bytes === 0;
  });
  assert.equal(await program.stop(), 0);
  assert.ok(
    !program.log.some((line) => line.includes(" ERROR ")),
    program.log.filter((line) => line.includes("ERROR")).join("\n"),
  );
});
