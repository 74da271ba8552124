/**
 * Live output of `POST /run` and `POST /payload`.
 */

import assert from "node:assert/strict";
import type { LiveFormat } from "../../src/wire/events.ts";
import { post, scrape, statusOf } from "../support/client.ts";
import { fileExists } from "../support/folder.ts";
import { lastOf, openLive, outputIn } from "../support/live_client.ts";
import { shellTable, startNamed } from "../support/named.ts";
import { awaits, onShell } from "../support/shell_program.ts";
import { runScript } from "../support/run_client.ts";

const paths = ["/run", "/payload"] as const;
const formats: readonly LiveFormat[] = ["sse", "ndjson"];

for (const path of paths) {
  for (const format of formats) {
    Deno.test(`POST ${path} sends each event as it happens, exit last (${format})`, async () => {
      await onShell({}, async ({ url }, folder) => {
        const script = `
          echo begun; echo warned >&2; ${awaits(`${folder}/one`)}
          echo "::progress 40 page 4 of 10" >&2; ${awaits(`${folder}/two`)}
          printf '\\377\\n'; echo last >&2; printf data >"$JOBRUNNER_RESPONSE_DATA_FN"; exit 3`;
        const live = await openLive(url, path, script, { format });
        assert.equal(live.status, 200);
        assert.equal(live.headers.get("x-accel-buffering"), "no");
        assert.match(live.headers.get("cache-control") ?? "", /no-store/);
        assert.deepEqual(await live.until("queued"), { event: "queued", seq: 0, place: 0 });
        const { worker_id, pid } = await live.until("started");
        assert.equal(worker_id, 1);
        assert.equal((await statusOf(url)).worker_states[0]?.pid, pid);
        await live.untilOutput("stdout", "begun\n");
        await live.untilOutput("stderr", "warned\n");
        Deno.writeTextFileSync(`${folder}/one`, "");
        const { percent, text } = await live.until("progress");
        assert.deepEqual([percent, text], [40, "page 4 of 10"]);
        Deno.writeTextFileSync(`${folder}/two`, "");
        const events = await live.rest();
        assert.deepEqual(
          [outputIn(events, "stdout"), outputIn(events, "stderr")],
          ["begun\n\xff\n", "warned\nlast\n"],
        );
        const { event, exit_status, ending, id, data } = lastOf(events);
        assert.deepEqual({ event, exit_status, ending, id, data }, {
          event: "exit",
          exit_status: 3,
          ending: "exited",
          id: "live",
          data: btoa("data"),
        });
        assert.equal(events.filter(({ event }) => event === "exit").length, 1);
      });
    });
  }
}

Deno.test("live output tells those who wait their place, and begins when a worker is free", async () => {
  await onShell({}, async ({ url }, folder) => {
    const running = post(url, `: >${folder}/started; ${awaits(`${folder}/go`)}`);
    await fileExists(`${folder}/started`);
    const first = await openLive(url, "/run", "echo ran");
    assert.equal((await first.until("queued"))["place"], 1);
    const second = await openLive(url, "/payload", "echo ran");
    assert.equal((await second.until("queued"))["place"], 2);
    assert.equal((await statusOf(url)).queued_jobs, 2);
    assert.equal((await scrape(url)).get("jobrunner_live_listeners"), 2);
    Deno.writeTextFileSync(`${folder}/go`, "");
    for (const live of [first, second]) {
      assert.equal(outputIn(await live.rest(), "stdout"), "ran\n");
    }
    assert.equal((await running).status, 200);
  });
});

Deno.test("a request for live output that is refused gets an ordinary error", async () => {
  await onShell({ JOBRUNNER_QUEUE_LIMIT: "0" }, async ({ url }, folder) => {
    const running = post(url, `: >${folder}/started; ${awaits(`${folder}/go`)}`);
    await fileExists(`${folder}/started`);
    const headers = { accept: "text/event-stream" };
    for (
      const { status, text } of [
        await post(url, "x", { headers }),
        await runScript(url, "x", { headers }),
      ]
    ) {
      assert.deepEqual([status, text], [503, "job queue too large (0)\n"]);
    }
    Deno.writeTextFileSync(`${folder}/go`, "");
    assert.equal((await running).status, 200);
    assert.equal((await statusOf(url)).rejections.queue_full, 2);
  });
});

Deno.test("exit carries a response file of up to 1 MiB, and the length of a larger one", async () => {
  await onShell({}, async ({ url }) => {
    for (const path of paths) {
      const exitOf = async (length: number) => {
        const script = `head -c ${length} /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"`;
        return lastOf(await (await openLive(url, path, script)).rest());
      };
      const whole = await exitOf(2 ** 20);
      assert.equal(atob(String(whole["data"])), "\0".repeat(2 ** 20));
      assert.equal(whole["data_truncated"], undefined);
      const tooLong = await exitOf(2 ** 20 + 1);
      assert.deepEqual(
        [tooLong["data"], tooLong["data_bytes"], tooLong["data_truncated"]],
        [undefined, 2 ** 20 + 1, true],
      );
    }
  });
});

Deno.test("live output of a command with a name has its name and its pool", async () => {
  await using program = await startNamed(shellTable("one"));
  for (const path of paths) {
    const events = await (await openLive(program.url, `${path}/one`, "echo ran")).rest();
    assert.equal(outputIn(events, "stdout"), "ran\n");
    const { command, pool } = lastOf(events);
    assert.deepEqual([command, pool], ["one", "one"]);
  }
});
