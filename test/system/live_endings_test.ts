/**
 * Live output of `POST /run` and `POST /payload`: its ends, and listeners that leave or do not read.
 */

import assert from "node:assert/strict";
import type { LiveFormat } from "../../src/wire/events.ts";
import { headOfAnswer, post, say, scrape, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { lastOf, openLive, outputIn } from "../support/live_client.ts";
import { eventsIn } from "../support/live_events.ts";
import { eventually } from "../support/processes.ts";
import { awaits, onShell } from "../support/shell_program.ts";
import { fixture, startProgram } from "../support/program.ts";
import { runScript } from "../support/run_client.ts";

const paths = ["/run", "/payload"] as const;
const formats: readonly LiveFormat[] = ["sse", "ndjson"];

Deno.test("a listener that leaves cancels its job, running or waiting", async () => {
  await onShell({}, async ({ url }) => {
    for (const path of paths) {
      for (const format of formats) {
        const running = await openLive(url, path, "echo begun; exec sleep 100", { format });
        await running.untilOutput("stdout", "begun\n");
        const waiting = await openLive(url, path, "echo never", { format });
        await waiting.until("queued");
        await waiting.leave();
        await eventually("none waits", async () => (await statusOf(url)).queued_jobs === 0);
        await running.leave();
        await eventually("none runs", async () => (await statusOf(url)).busy === 0);
      }
    }
    const { outcomes, rejections } = await statusOf(url);
    assert.deepEqual([outcomes.canceled, outcomes.success, rejections.canceled], [4, 0, 4]);
  });
});

Deno.test("JOBRUNNER_ON_DISCONNECT=finish lets a job finish without its listener", async () => {
  await onShell({ JOBRUNNER_ON_DISCONNECT: "finish" }, async ({ url }, folder) => {
    for (const path of paths) {
      const go = `${folder}/go`;
      const live = await openLive(
        url,
        path,
        `echo begun; ${awaits(go)}; head -c 3000000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"`,
      );
      await live.untilOutput("stdout", "begun\n");
      await live.leave();
      await eventually("it has left", async () => {
        return (await scrape(url)).get("jobrunner_live_listeners") === 0;
      });
      assert.equal((await statusOf(url)).busy, 1);
      Deno.writeTextFileSync(go, "");
      await eventually("it has ended", async () => (await statusOf(url)).busy === 0);
      Deno.removeSync(go);
    }
    assert.equal((await statusOf(url)).outcomes.success, 2);
  });
});

Deno.test("live output ends with the ending of a job that times out or cannot start", async () => {
  using folder = temporaryFolder();
  const command = `${folder.path}/command`;
  Deno.copyFileSync(fixture("run_payload.sh"), command);
  await onShell({ JOBRUNNER_CMD: command, JOBRUNNER_JOB_TIMEOUT_SEC: "0.3" }, async ({ url }) => {
    for (const path of paths) {
      const live = await openLive(url, path, "echo begun; exec sleep 100");
      const events = await live.rest();
      assert.equal(outputIn(events, "stdout"), "begun\n");
      const { ending, exit_status, timed_out } = lastOf(events);
      assert.deepEqual({ ending, exit_status, timed_out }, {
        ending: "timed_out",
        exit_status: 124,
        timed_out: true,
      });
    }
    Deno.removeSync(command);
    for (const path of paths) {
      const events = await (await openLive(url, path, "x")).rest();
      const { event, ending, message } = lastOf(events);
      assert.deepEqual([event, ending, typeof message], ["exit", "not_started", "string"]);
    }
  });
});

Deno.test("live output of a job that waits too long ends with an error", async () => {
  await onShell({ JOBRUNNER_QUEUE_TIMEOUT_SEC: "0.2" }, async ({ url, line }, folder) => {
    const running = post(url, `: >${folder}/started; ${awaits(`${folder}/go`)}`);
    await fileExists(`${folder}/started`);
    for (const path of paths) {
      const last = lastOf(await (await openLive(url, path, "echo never")).rest());
      const { event, status, code, retry_after_sec } = last;
      assert.deepEqual([event, status, code], ["error", 503, "queue_timeout"]);
      assert.ok(Number(retry_after_sec) >= 1);
    }
    assert.equal((await statusOf(url)).rejections.queue_timeout, 2);
    await line("request refused");
    Deno.writeTextFileSync(`${folder}/go`, "");
    assert.equal((await running).status, 200);
  });
});

for (const path of paths) {
  Deno.test(`a listener of POST ${path} that reads nothing does not slow its command, and learns what was dropped`, async () => {
    await onShell({}, async ({ url }) => {
      const bytes = 100_000_000;
      const script = `head -c ${bytes} /dev/zero | tr '\\0' x`;
      const body = path === "/run"
        ? script
        : JSON.stringify({ id: "x", data: new TextEncoder().encode(script).toBase64() });
      using connection = await say(
        url,
        [
          `POST ${path} HTTP/1.1`,
          "Host: localhost",
          "Connection: close",
          "Accept: application/x-ndjson",
          `Content-Length: ${body.length}`,
          "",
          body,
        ].join("\r\n"),
      );
      await eventually("the command has ended", async () => {
        return (await statusOf(url)).outcomes.success === 1;
      });
      assert.equal((await runScript(url, "echo served")).text, "served\n");
      const events = await eventsOf(connection);
      const sent = outputIn(events, "stdout").length;
      const dropped = events.filter(({ event }) => event === "truncated")
        .reduce((sum, { stdout_bytes }) => sum + Number(stdout_bytes), 0);
      assert.ok(dropped > 0 && sent > 0);
      assert.equal(sent + dropped, bytes);
      assert.deepEqual([events[0]?.event, lastOf(events).event], ["queued", "exit"]);
    });
  });
}

/** Reads a chunked answer to its end. */
async function eventsOf(connection: Deno.TcpConn) {
  const buffer = new Uint8Array(2 ** 20);
  const texts = [await headOfAnswer(connection)];
  const decoder = new TextDecoder("latin1");
  for (let read = await connection.read(buffer); read; read = await connection.read(buffer)) {
    texts.push(decoder.decode(buffer.subarray(0, read)));
  }
  const [head = "", ...rest] = texts.join("").split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 200 /);
  const chunks = rest.join("\r\n\r\n");
  let text = "";
  for (let at = 0; at < chunks.length;) {
    const [size = ""] = /^[\da-f]+(?=\r\n)/i.exec(chunks.slice(at, at + 20)) ?? [];
    const begin = at + size.length + 2;
    const length = parseInt(size, 16);
    text += chunks.slice(begin, begin + length);
    at = begin + length + 2;
  }
  return eventsIn(text, "ndjson");
}

Deno.test("a drain sends live output to its end, and a forced stop ends it with the ending of the job", async () => {
  for (const isForced of [false, true]) {
    using folder = temporaryFolder();
    await using program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_NUM_WORKERS: "1",
        JOBRUNNER_KILL_GRACE_SEC: "0.3",
        ...(isForced ? { JOBRUNNER_DRAIN_TIMEOUT_SEC: "0.2" } : {}),
      },
    });
    const { url } = program;
    const running = await openLive(url, "/run", `echo begun; ${awaits(`${folder.path}/go`)}`);
    await running.untilOutput("stdout", "begun\n");
    const waiting = await openLive(url, "/payload", "echo ran");
    await waiting.until("queued");
    const stopped = program.stop();
    await program.line("stopping");
    if (!isForced) Deno.writeTextFileSync(`${folder.path}/go`, "");
    const [ran, waited] = [lastOf(await running.rest()), lastOf(await waiting.rest())];
    assert.deepEqual(
      [ran.event, ran["ending"], waited.event, waited["ending"] ?? waited["code"]],
      isForced ? ["exit", "shutdown", "error", "draining"] : ["exit", "exited", "exit", "exited"],
    );
    assert.equal(await stopped, isForced ? 1 : 0);
  }
});
