/**
 * Bodies and answers of warm commands: raw and large ones, forms, live output.
 */

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import type { LiveFormat } from "../../src/wire/events.ts";
import { statusOf } from "../support/client.ts";
import { eventually } from "../support/processes.ts";
import { lastOf, openLive, outputIn } from "../support/live_client.ts";
import { postRun, runScript } from "../support/run_client.ts";
import { hasEnded, onWarm, plain, strangeFiles } from "../support/warm_program.ts";

function bytesOf(length: number, first: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (first + index * 31 + (index >> 8)) & 255);
}

/** The process, where the payload is, and its length on stderr; the payload itself on stdout. */
const echo = `
write(2, f"{os.getpid()} {job['JOBRUNNER_REQUEST_DATA_FN']} {len(payload)}".encode())
write(1, payload)`;

Deno.test("a warm process finds each body of POST /run at the same path, small, large and empty ones", async () => {
  await onWarm({ SCRIPT: echo }, async ({ url, idle, spool }) => {
    const pid = await idle();
    const lengths = [10, 0, 3_000_000, 1, 65_536, 65_537, 0, 20_000_000, 5, 300_000];
    for (const [first, length] of lengths.entries()) {
      const body = bytesOf(length, first);
      const answer = await postRun(url, body);
      assert.deepEqual([answer.status, answer.headers.get("x-jr-warm")], [200, "true"]);
      assert.ok(Buffer.from(answer.bytes).equals(Buffer.from(body)), `${length} bytes`);
    }
    const paths = new Set<string>();
    for (const length of [0, 100_000]) {
      const answer = await postRun(url, bytesOf(length, 0), {
        headers: { accept: "application/json" },
      });
      const error = atob(JSON.parse(answer.text)["error"]);
      const [from, path = "", seen] = error.split(" ");
      assert.deepEqual([from, seen], [String(pid), String(length)]);
      paths.add(path);
    }
    assert.equal(paths.size, 1);
    assert.deepEqual(strangeFiles(spool), []);
  });
});

Deno.test("a response file of a warm process is sent as the answer, whatever its length, and is empty for the next job", async () => {
  const SCRIPT = "respond(payload[1:]) if payload[:1] == b'r' else print('none', end='')";
  await onWarm({ SCRIPT }, async ({ url, idle, spool }) => {
    const pid = await idle();
    for (const [first, length] of [1, 70_000, 20_000_000, 3, 300_000].entries()) {
      const data = bytesOf(length, first);
      const answer = await postRun(url, new Blob(["r", data]), { target: "?answer=data" });
      assert.ok(Buffer.from(answer.bytes).equals(Buffer.from(data)), `${length} bytes`);
      assert.equal((await postRun(url, "x")).text, "none");
    }
    assert.equal(await idle(), pid);
    assert.deepEqual(strangeFiles(spool), []);
  });
});

Deno.test("a warm process gets the parts of a form in a folder of that job", async () => {
  const SCRIPT = `
folder = job["JOBRUNNER_REQUEST_DIR"]
print(os.getpid(), payload.decode(), sorted(os.listdir(folder)) if folder else "no form")
print(os.path.dirname(job["JOBRUNNER_REQUEST_DATA_FN"]) == (folder or job["JOBRUNNER_JOB_DIR"]))`;
  await onWarm({ SCRIPT }, async ({ url, idle, spool }) => {
    const pid = await idle();
    const form = new FormData();
    form.append("first", new Blob(["one"]), "a.txt");
    form.append("second", new Blob(["two"]), "b.txt");
    for (let time = 0; time < 2; time++) {
      const { text } = await postRun(url, form);
      assert.equal(text, `${pid} one ['001', '002', 'parts.json']\nTrue\n`);
      assert.deepEqual(await eventuallyNothingStrange(spool), []);
      assert.equal((await postRun(url, "body")).text, `${pid} body no form\nTrue\n`);
    }
  });
});

/** What is strange once the answer's job is over. */
async function eventuallyNothingStrange(spool: string): Promise<string[]> {
  await eventually("the form is gone", () => strangeFiles(spool).length === 0);
  return strangeFiles(spool);
}

const formats: readonly LiveFormat[] = ["sse", "ndjson"];

for (const path of ["/run", "/payload"] as const) {
  for (const format of formats) {
    Deno.test(`POST ${path} sends the output of a warm process as it happens, without its end line (${format})`, async () => {
      await onWarm({}, async ({ url, idle, folder, run }) => {
        const pid = await idle();
        const live = await openLive(
          url,
          path,
          `
write(1, b"begun\\x1e")
write(2, b"\\x1e\\x1e" + end_line()[:20])
wait_for("${folder}/one")
write(1, b"\\x1e more \\xff\\x1e")
wait_for("${folder}/two")
respond(b"data")
sys.exit(3)`,
          { format },
        );
        assert.deepEqual((await live.until("started"))["pid"], pid);
        await live.untilOutput("stdout", "begun");
        Deno.writeTextFileSync(`${folder}/one`, "");
        await live.untilOutput("stdout", "begun\x1e\x1e more \xff");
        Deno.writeTextFileSync(`${folder}/two`, "");
        const events = await live.rest();
        const { event, exit_status, data, warm } = lastOf(events);
        assert.deepEqual([event, exit_status, data, warm], ["exit", 3, btoa("data"), true]);
        assert.equal(outputIn(events, "stdout"), "begun\x1e\x1e more \xff\x1e");
        const [, , , ...word] = outputIn(events, "stderr");
        assert.match(word.join(""), /^[0-9a-f]{19}$/);
        assert.equal((await run(plain)).output, `1 ${pid} test\n`);
      });
    });
  }
}

Deno.test("a live client that disconnects ends the job of its warm process, which is replaced", async () => {
  await onWarm({ JOBRUNNER_ON_DISCONNECT: "cancel" }, async ({ url, idle, run }) => {
    const pid = await idle();
    const live = await openLive(url, "/run", "write(1, b'begun'); time.sleep(600)");
    await live.untilOutput("stdout", "begun");
    await live.leave();
    await hasEnded(pid);
    const next = await idle();
    assert.equal((await run(plain)).output, `1 ${next} test\n`);
    assert.equal((await statusOf(url)).outcomes.canceled, 1);
  });
});

Deno.test("a large stdout of a warm process is sent from the disk, and the process goes on", async () => {
  await onWarm({}, async ({ url, idle, run, spool }) => {
    const pid = await idle();
    const { bytes } = await runScript(url, "for _ in range(300): write(1, b'x' * 100_000)");
    assert.equal(bytes.length, 30_000_000);
    assert.ok(bytes.every((byte) => byte === 120));
    assert.equal((await run(plain)).output, `1 ${pid} test\n`);
    await eventuallyNothingStrange(spool);
  });
});

Deno.test("outputs of a warm process beyond the limit are cut, the end of the job is found, and the process goes on", async () => {
  await onWarm({ JOBRUNNER_MAX_OUTPUT_BYTES: "1000" }, async ({ idle, run }) => {
    const pid = await idle();
    const { output, error, data, json } = await run(`
write(1, b"x" * 5_000_000)
write(2, b"y" * 5_000_000)
respond(b"z" * 5_000_000)
sys.exit(3)`);
    assert.deepEqual([output, error, data], ["x", "y", "z"].map((byte) => byte.repeat(1000)));
    const cut = ["output_truncated", "error_truncated", "data_truncated"].map((key) => json[key]);
    assert.deepEqual([cut, json["exit_status"]], [[true, true, true], 3]);
    assert.equal((await run(plain)).output, `1 ${pid} test\n`);
  });
});

Deno.test("bodies of any kind reach the process of the job if the idle one does not take it", async () => {
  const SCRIPT = `
if payload == b"close":
    blocks.close()
    end()
    time.sleep(600)
print(len(payload), job["JOBRUNNER_REQUEST_DIR"] != "", "JOBRUNNER_REQUEST_ID" in os.environ)`;
  await onWarm({ SCRIPT }, async ({ url, idle, spool }) => {
    const form = new FormData();
    for (const name of ["a", "b"]) form.append(name, new Blob([bytesOf(300_000, 0)]), name);
    const bodies = [[bytesOf(10, 0), 10], [bytesOf(3_000_000, 0), 3_000_000], [
      form,
      300_000,
    ]] as const;
    for (const [body, length] of bodies) {
      await idle();
      assert.equal((await postRun(url, "close")).status, 200);
      await idle();
      const answer = await postRun(url, body);
      assert.equal(answer.headers.get("x-jr-warm"), null);
      assert.equal(answer.text, `${length} ${body === form ? "True" : "False"} True\n`);
    }
    await eventuallyNothingStrange(spool);
  });
});
