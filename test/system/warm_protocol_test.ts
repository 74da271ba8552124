/**
 * End lines of warm processes: false ones, doubled, late and missing ones, and bytes that belong to no job.
 */

import assert from "node:assert/strict";
import { eventually, isAlive } from "../support/processes.ts";
import { postRun } from "../support/run_client.ts";
import { onWarm, plain, postJob, type Warm, warmCounts } from "../support/warm_program.ts";

/** Waits until the process is replaced and the bytes are counted, and runs a plain job in the next one. */
async function expectReplaced({ run, idle, url }: Warm, formerPid: number, strayBytes: number) {
  await eventually("another process is idle", async () => await idle() !== formerPid);
  const pid = await idle();
  const { output, error, json } = await run(plain);
  assert.deepEqual([output, error, json["warm"]], [`1 ${pid} test\n`, "", true]);
  const counts = await warmCounts(url);
  assert.deepEqual([counts.ends, counts.strayBytes], [{ protocol: 1 }, strayBytes]);
}

/** Length of an end line with a status of one digit. */
const lineBytes = 36;

Deno.test("what only looks like an end line is output, byte for byte", async () => {
  await onWarm({}, async ({ run, idle }) => {
    const pid = await idle();
    const word = "job['JOBRUNNER_END'].encode()";
    const answer = await run(`
fakes = [b"\\x1e" + ${word}, b"\\x1e" + ${word} + b" ", b" \\x1e" + ${word} + b" 1234 x",
  b"\\x1e" + ${word} + b" 256\\n", b"\\x1e" + ${word} + b"  0\\n", ${word} + b" 0\\n",
  b"\\x1e" + b"0" * 32 + b" 0\\n", b"\\x1e" + ${word} + b" 0 Leaving\\n", b"\\x1e\\x1e" + ${word} + b" 12!"]
for stream in 1, 2: write(stream, b"".join(fakes))
respond(b"".join(fakes))`);
    assert.equal(answer.json["exit_status"], 0);
    assert.equal(answer.output, answer.data);
    assert.equal(answer.error, answer.data);
    assert.equal(answer.data.split("\x1e").length, 10);
    assert.equal((await run(plain)).output, `1 ${pid} test\n`);
  });
});

Deno.test("a job that shows its variables and all of its environment does not end by that", async () => {
  await onWarm({}, async ({ run, idle }) => {
    const pid = await idle();
    const show = "for name in job: print(f'{name}={job[name]}', file=stream)";
    const { output, error } = await run(`
os.environ.update(job)
for stream in sys.stdout, sys.stderr:
    ${show}
    stream.flush()
    os.system(f"env >&{stream.fileno()}")`);
    assert.match(output, /^JOBRUNNER_END=[0-9a-f]{32}$/m);
    assert.equal(output.split("JOBRUNNER_END=").length, 3);
    assert.equal(error.split("JOBRUNNER_END=").length, 3);
    assert.equal((await run(plain)).output, `1 ${pid} test\n`);
  });
});

for (
  const [what, payload] of [
    ["20 MB of random bytes", randomBytes(20_000_000)],
    ["1 MiB of the byte that begins an end line", new Uint8Array(2 ** 20).fill(0x1e)],
  ] as const
) {
  Deno.test(`${what} go through a warm process and come back on both streams and in the response file`, async () => {
    const SCRIPT = "write(1, payload); write(2, payload); respond(payload)";
    await onWarm({ SCRIPT }, async ({ url, idle }) => {
      const pid = await idle();
      const wanted = payload.toBase64();
      for (let time = 0; time < 2; time++) {
        const { json } = await postJob(url, payload);
        assert.deepEqual([json["exit_status"], json["warm"]], [0, true]);
        for (const key of ["output", "error", "data"]) assert.ok(json[key] === wanted, key);
      }
      assert.equal(await idle(), pid);
    });
  });
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

Deno.test("a second end line right behind the first is dropped, and the process replaced", async () => {
  await onWarm({}, async (warm) => {
    const pid = await warm.idle();
    const { output, error, json } = await warm.run(`
print("out")
end(9, behind=end_line(8))
raise Ended`);
    assert.deepEqual([output, error, json["exit_status"]], ["out\n", "", 9]);
    await expectReplaced(warm, pid, 2 * lineBytes);
  });
});

Deno.test("bytes right behind an end line are dropped, and the process replaced", async () => {
  await onWarm({}, async (warm) => {
    const pid = await warm.idle();
    const { output, error } = await warm.run(`
end(behind=b"secret")
raise Ended`);
    assert.deepEqual([output, error], ["", ""]);
    await expectReplaced(warm, pid, 12);
  });
});

Deno.test("an end line of the job before does not end a job and is no output of it", async () => {
  await onWarm({}, async (warm) => {
    const pid = await warm.idle();
    await warm.run("kept['before'] = end_line(1)");
    const { output, error, json } = await warm.run(`
for stream in 1, 2: write(stream, b"a" + kept["before"] + b"b")`);
    assert.deepEqual([output, error, json["exit_status"]], ["ab", "ab", 0]);
    await expectReplaced(warm, pid, 2 * lineBytes);
  });
});

for (const stream of [1, 2]) {
  Deno.test(`what an idle process writes (${stream === 1 ? "stdout" : "stderr"}) is in no answer, and the process is replaced`, async () => {
    await onWarm({}, async (warm) => {
      const { run, folder, program } = warm;
      const pid = await warm.idle();
      const script = `when("${folder}/write", lambda: write(${stream}, b"secret"))`;
      assert.equal((await run(script)).output, "");
      await warm.idle();
      Deno.writeTextFileSync(`${folder}/write`, "");
      await program.line("a warm process wrote between two jobs and was replaced");
      await expectReplaced(warm, pid, 6);
    });
  });
}

for (const [given, missing] of [["stdout", "stderr"], ["stderr", "stdout"]] as const) {
  Deno.test(`a job whose end line comes on ${given} only is answered with what is there, and its process replaced`, async () => {
    await onWarm({}, async (warm) => {
      const pid = await warm.idle();
      const { output, error, json } = await warm.run(`
print("out")
print("err", file=sys.stderr)
end(4, streams=[${given === "stdout" ? 1 : 2}])
raise Ended`);
      assert.deepEqual([output, error, json["exit_status"]], ["out\n", "err\n", 4]);
      assert.equal(
        json["message"],
        `the process ended its job on ${given} but not on ${missing}; it was replaced`,
      );
      await expectReplaced(warm, pid, 0);
    });
  });
}

Deno.test("a job whose end lines differ has the status of stdout and a message, and its process is replaced", async () => {
  await onWarm({}, async (warm) => {
    const pid = await warm.idle();
    const { json } = await warm.run(`
end(4, streams=[2])
end(5, streams=[1])
raise Ended`);
    assert.equal(json["exit_status"], 5);
    assert.match(String(json["message"]), /with 5 on stdout but with 4 on stderr; it was replaced/);
    await expectReplaced(warm, pid, 0);
  });
});

Deno.test("a process that says that it leaves has answered by that, and may take its time", async () => {
  await onWarm({ JOBRUNNER_KILL_GRACE_SEC: "60" }, async ({ run, idle, folder, url }) => {
    const pid = await idle();
    const { output, json } = await run(`
write(1, b"out" + end_line(3)[:-1] + b" leaving\\r\\n")
write(2, end_line(3)[:-1] + b" leaving\\n")
wait_for("${folder}/leave")
write(1, b"last words")
os._exit(9)`);
    assert.deepEqual([output, json["exit_status"]], ["out", 3]);
    const next = await idle();
    assert.notEqual(next, pid);
    assert.ok(isAlive(pid));
    assert.equal((await run(plain)).output, `1 ${next} test\n`);
    Deno.writeTextFileSync(`${folder}/leave`, "");
    await eventually("it has left", () => !isAlive(pid));
    assert.equal((await run(plain)).output, `2 ${next} test\n`);
    assert.deepEqual((await warmCounts(url)).ends, { leaving: 1 });
  });
});

Deno.test("an idle process that writes without an end is killed, and the next job gets another one", async () => {
  await onWarm({}, async ({ run, idle, folder, url }) => {
    const pid = await idle();
    await run(`
def flood():
    while True: os.write(1, b"x" * 65536)
when("${folder}/flood", flood)`);
    await idle();
    Deno.writeTextFileSync(`${folder}/flood`, "");
    await eventually("it is gone", () => !isAlive(pid));
    assert.match((await run(plain)).output, /^1 \d+ test\n$/);
    assert.deepEqual((await warmCounts(url)).ends, { protocol: 1 });
  });
});

Deno.test("a job of /run without one end line is answered in bytes with what is there, and a header with the sentence", async () => {
  await onWarm({}, async ({ url, idle }) => {
    await idle();
    const script = 'print("out", flush=True)\nend(0, streams=[1])\nraise Ended';
    const answer = await postRun(url, script, { target: "?answer=output" });
    assert.deepEqual([answer.status, answer.text], [200, "out\n"]);
    assert.match(answer.headers.get("x-jr-message") ?? "", /not on stderr; it was replaced$/);
  });
});
