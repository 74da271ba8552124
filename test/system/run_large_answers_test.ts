/**
 * `POST /run`: answers of many bytes, which stay on the disk while their clients read them.
 */

import assert from "node:assert/strict";
import { get, headOfAnswer, say, scrape, statusOf } from "../support/client.ts";
import { fileExists } from "../support/folder.ts";
import { expectNothingLeft } from "../support/nothing_left.ts";
import { openFilesIn } from "../support/open_files.ts";
import { fixture, type Program } from "../support/program.ts";
import { readBytes } from "../support/raw_server.ts";
import { postRun } from "../support/run_client.ts";
import { eventually } from "../support/processes.ts";
import { awaits, onShell } from "../support/shell_program.ts";
import { spoolIn } from "../support/spool.ts";

/** A client that leaves is no error of the server. */
function expectNoErrors({ log }: Program): void {
  assert.deepEqual(log.filter((line) => line.includes(" ERROR ")), []);
}

const large = 50_000_000;
const writesLarge = `head -c ${large} /dev/zero`;
const writesLargeFile = `${writesLarge} >"$JOBRUNNER_RESPONSE_DATA_FN"`;

/** Posts a script and reads the head of its answer; the body is still to be read. */
async function begin({ url }: Program, script: string): Promise<Deno.TcpConn> {
  const length = new TextEncoder().encode(script).length;
  const head = `POST /run HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n`;
  return await say(url, `${head}Content-Length: ${length}\r\n\r\n${script}`);
}

Deno.test("POST /run passes 50 MB through the response file and through stdout, byte for byte", async () => {
  const env = { JOBRUNNER_CMD: fixture("echo_payload.sh") };
  await onShell(env, async ({ url }) => {
    const bytes = new Uint8Array(large);
    for (let at = 0; at < large; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
    for (const target of ["?answer=data", "?answer=output"]) {
      const answer = await postRun(url, bytes, { target });
      assert.equal(answer.headers.get("content-length"), String(large));
      assert.ok(answer.bytes.every((byte, at) => byte === bytes[at]), target);
      assert.equal(answer.bytes.length, large);
    }
  });
});

Deno.test("a large answer that is read slowly holds disk space and no worker until it is read", async () => {
  await onShell({}, async (program, folder) => {
    using connection = await begin(program, `${writesLarge}; ${writesLargeFile}`);
    const head = await headOfAnswer(connection);
    assert.match(head, new RegExp(`^HTTP/1\\.1 200 .*content-length: ${large}\r\n`, "is"));
    const { busy, buffered_bytes } = await statusOf(program.url);
    assert.deepEqual([busy, buffered_bytes], [0, 0]);
    assert.ok(((await scrape(program.url)).get("jobrunner_spooled_bytes") ?? 0) >= 2 * large);
    const spool = `${spoolIn(folder)}/`;
    await eventually("only the file of the answer is open", () => {
      // The runtime has it open twice while it reads.
      return new Set(openFilesIn(spool, program.pid)).size === 1;
    });
    assert.equal((await postRun(program.url, "echo served")).text, "served\n");
    const already = head.length - head.indexOf("\r\n\r\n") - 4;
    assert.equal(await readBytes(connection, Infinity), large - already);
  });
});

Deno.test("a client that leaves while it reads, or before, frees the disk space of its answer", async () => {
  await onShell({}, async (program, folder) => {
    for (const script of [writesLarge, writesLargeFile]) {
      {
        using connection = await begin(program, script);
        await headOfAnswer(connection);
      }
      await expectNothingLeft(program, folder);
      const { body } = await fetch(`${program.url}/run`, {
        method: "POST",
        body: script,
        headers: { accept: "multipart/form-data" },
      });
      const reader = body?.getReader();
      assert.ok(((await reader?.read())?.value?.length ?? 0) > 0);
      await reader?.cancel();
      await expectNothingLeft(program, folder);
    }
    expectNoErrors(program);
  });
});

Deno.test("a large result whose client has left before its end is not kept", async () => {
  await onShell({ JOBRUNNER_ON_DISCONNECT: "finish" }, async (program, folder) => {
    for (const script of [writesLarge, writesLargeFile]) {
      const started = `${folder}/started`;
      const go = `${folder}/go`;
      const waits = `: >${started}; ${awaits(go)}; ${script}`;
      const leaving = new AbortController();
      const running = postRun(program.url, waits, { signal: leaving.signal });
      await fileExists(started);
      leaving.abort();
      await assert.rejects(running);
      Deno.writeTextFileSync(go, "");
      await expectNothingLeft(program, folder);
      for (const path of [started, go]) Deno.removeSync(path);
    }
    assert.equal((await statusOf(program.url)).outcomes.success, 2);
  });
});

Deno.test("a client that reads nothing loses a large answer after JOBRUNNER_ANSWER_TIMEOUT_SEC", async () => {
  await onShell({ JOBRUNNER_ANSWER_TIMEOUT_SEC: "0.3" }, async (program) => {
    using connection = await begin(program, writesLarge);
    await program.line("gave up on an unread response");
    await expectNothingLeft(program);
    assert.ok(await readBytes(connection, Infinity).catch(() => 0) < large);
    expectNoErrors(program);
  });
});

Deno.test("a response file that a daemon shortens while it is sent breaks the connection", async () => {
  await onShell({}, async (program, folder) => {
    const daemon = `
      exec 3<>"$JOBRUNNER_RESPONSE_DATA_FN"
      { ${awaits(`${folder}/go`)}
        truncate -s 1000 /proc/self/fd/3; : >${folder}/shortened; } >/dev/null 2>&1 &
      exec 3<&-`;
    using connection = await begin(program, `${writesLargeFile}; ${daemon}`);
    const head = await headOfAnswer(connection);
    assert.match(head, new RegExp(`^HTTP/1\\.1 200 .*content-length: ${large}\r\n`, "is"));
    Deno.writeTextFileSync(`${folder}/go`, "");
    await fileExists(`${folder}/shortened`);
    const length = await readBytes(connection, Infinity).catch(() => 0);
    assert.ok(length < large - head.length, `${length} bytes came`);
    assert.equal((await get(`${program.url}/livez`)).text, "ok\n");
  });
});
