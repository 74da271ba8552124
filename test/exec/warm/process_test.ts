import assert from "node:assert/strict";
import { encodeBlock } from "../../../src/exec/warm/block.ts";
import type { WarmSettings } from "../../../src/exec/warm/command.ts";
import { newWord } from "../../../src/exec/warm/end_line.ts";
import type { ProcessEnd, ProcessJob, WarmProcess } from "../../../src/exec/warm/process.ts";
import { createStop, type Stop } from "../../../src/jobs/stop.ts";
import { fileExists, temporaryFolder } from "../../support/folder.ts";
import { eventually, isAlive } from "../../support/processes.ts";
import { fixture } from "../../support/program.ts";
import { filesIn, temporarySpool } from "../../support/spool.ts";
import { killTree, trees, warmCommandOf } from "../../support/warm.ts";

/** What differs from an ordinary job. */
type More = Partial<Pick<ProcessJob, "stop" | "block" | "onOutput">>;

/** A process that runs scripts in itself, and what it reported. */
interface Stage {
  readonly process: WarmProcess;
  /** A folder for the files of a test. */
  readonly folder: string;
  /** `exit <status>` and `stray <bytes> <isFault>`. */
  readonly told: readonly string[];
  /** `tree` or `holders`, for each time that it was to be killed. */
  readonly killed: readonly string[];
  /** Runs a script as the payload of a job. */
  run(script: string, more?: More): Promise<{
    readonly end: ProcessEnd;
    readonly stdout: string;
    readonly stderr: string;
    readonly taken: number;
  }>;
}

interface Setup extends Partial<Pick<WarmSettings, "graceMs" | "launcher">> {
  readonly words?: readonly string[];
}

/** Starts a process before its first job, and ends it after the test: then nothing of it is left. */
async function withProcess(
  { words = [fixture("run_payloads_in_itself.sh")], ...settings }: Setup,
  act: (stage: Stage) => Promise<void>,
): Promise<void> {
  using folder = temporaryFolder();
  using temporary = temporarySpool();
  const killed: string[] = [];
  const marks = new Set<string>();
  const command = warmCommandOf(temporary.spool, words, {
    trees: {
      async endTree(tree) {
        killed.push("tree");
        marks.add(tree.mark);
        await trees.endTree(tree);
      },
      endHolders({ mark }) {
        killed.push("holders");
        marks.add(mark);
        return Promise.resolve();
      },
    },
    ...settings,
  });
  const files = await command.createFiles(1);
  const told: string[] = [];
  const process = await command.start(files, 1, undefined, {
    onIdleExit: ({ code }) => void told.push(`exit ${code}`),
    onStray: (bytes, isFault) => void told.push(`stray ${bytes} ${isFault}`),
  });
  const run: Stage["run"] = async (script, more = {}) => {
    await files.renew();
    await files.put({ kind: "bytes", bytes: new TextEncoder().encode(script) });
    const word = newWord();
    const block = encodeBlock(command.blockNames, {
      JOBRUNNER_REQUEST_DATA_FN: files.requestFile,
      JOBRUNNER_END: word,
    });
    const output = { stdout: "", stderr: "" };
    let taken = 0;
    const end = await process.run({
      block: block as Uint8Array<ArrayBuffer>,
      word,
      warm: true,
      stop: createStop(),
      onTaken: () => void taken++,
      ...more,
      onOutput(kind, bytes) {
        assert.equal(taken, 1, "no output before the process has the job");
        output[kind] += new TextDecoder().decode(bytes);
        return more.onOutput?.(kind, bytes);
      },
    });
    return { end, taken, ...output };
  };
  try {
    await act({ process, folder: folder.path, told, killed, run });
  } finally {
    await process.end("recycled");
    await files.remove();
  }
  assert.deepEqual([...marks].filter((mark) => mark !== files.folder), []);
  assert.deepEqual(filesIn(temporary.spool.path), []);
}

/** The exit status of a job that has ended, and the sentence for its client. */
function endOf(end: ProcessEnd): [number | undefined, string | undefined] {
  assert.ok(end.kind === "ended");
  return [end.status?.code, end.message];
}

/** Requests a cause at the first output of a job. */
function stoppedAtOutput(stop: Stop): More {
  return { stop, onOutput: () => stop.request("canceled") };
}

Deno.test("WarmProcess.run() ends a job at the end lines on both streams, and the process gets another", async () => {
  await withProcess({}, async ({ process, run, told, killed }) => {
    for (let status = 0; status < 3; status++) {
      const job = await run(`echo out; echo err >&2; echo $$; end ${status}`);
      assert.deepEqual(endOf(job.end), [status, undefined]);
      assert.deepEqual([job.stdout, job.stderr], [`out\n${process.pid}\n`, "err\n"]);
      assert.deepEqual([job.taken, process.jobs, process.fate], [1, status + 1, undefined]);
    }
    assert.deepEqual([told, killed], [[], []]);
  });
});

Deno.test("WarmProcess.run() ends a job at the exit of the process", async () => {
  for (const [script, code, signal] of [["exit 3", 3, null], ["kill -9 $$", 137, "SIGKILL"]]) {
    await withProcess({}, async ({ process, run, told, killed }) => {
      const { end, stdout } = await run(`echo out; ${script}`);
      assert.ok(end.kind === "ended");
      assert.deepEqual([end.status?.code, end.status?.signal, stdout], [code, signal, "out\n"]);
      assert.deepEqual([process.fate, told, killed], ["job", [], []]);
    });
  }
});

Deno.test("WarmProcess.run() takes the status of the end lines, even if the process exits right after them", async () => {
  for (let round = 0; round < 10; round++) {
    await withProcess({}, async ({ run, killed }) => {
      const { end, stdout } = await run("echo out; end 4; exit 9");
      assert.deepEqual([endOf(end), stdout, killed], [[4, undefined], "out\n", []]);
    });
  }
});

Deno.test("WarmProcess.run() takes what the process wrote before its first job for that job's output", async () => {
  const words = ["sh", "-c", 'echo boot; . "$0"', fixture("run_payloads_in_itself.sh")];
  await withProcess({ words }, async ({ run, told }) => {
    assert.equal((await run("echo out; end 0")).stdout, "boot\nout\n");
    assert.equal((await run("echo out; end 0")).stdout, "out\n");
    assert.deepEqual(told, []);
  });
});

for (const [there, missing] of [["stdout", "stderr"], ["stderr", "stdout"]] as const) {
  Deno.test(`WarmProcess.run() ends a job whose end line is missing on ${missing}, with a sentence for its client`, async () => {
    await withProcess({}, async ({ process, run, told }) => {
      const job = await run(`echo out; echo err >&2; end_${there.slice(3)} 3`);
      assert.deepEqual(endOf(job.end), [
        3,
        `the process ended its job on ${there} but not on ${missing}; it was replaced`,
      ]);
      assert.deepEqual([job.stdout, job.stderr], ["out\n", "err\n"]);
      assert.deepEqual([process.fate, told], ["protocol", []]);
    });
  });
}

Deno.test("WarmProcess.run() takes the exit status if an end line is missing because the process has exited", async () => {
  await withProcess({}, async ({ process, run }) => {
    const { end } = await run("end_out 3; exit 5");
    assert.deepEqual([endOf(end), process.fate], [[5, undefined], "job"]);
  });
});

Deno.test("WarmProcess.run() waits for a slow listener before it misses an end line", async () => {
  await withProcess({}, async ({ process, run, folder }) => {
    const isRead = `${folder}/read`;
    const job = await run(`echo err >&2; wait_for ${isRead}; end 2`, {
      onOutput() {
        Deno.writeTextFileSync(isRead, "");
        return new Promise((resolve) => setTimeout(resolve, 400));
      },
    });
    assert.deepEqual([endOf(job.end), job.stderr], [[2, undefined], "err\n"]);
    assert.equal(process.fate, undefined);
  });
});

Deno.test("WarmProcess.run() says that the end lines have different statuses, and takes that of stdout", async () => {
  await withProcess({}, async ({ process, run }) => {
    const { end } = await run("end_out 1; end_err 2");
    assert.deepEqual(endOf(end), [
      1,
      "the process ended its job with 1 on stdout but with 2 on stderr; it was replaced",
    ]);
    assert.equal(process.fate, "protocol");
  });
});

Deno.test("WarmProcess drops bytes behind an end line, and is not to be used again", async () => {
  await withProcess({}, async ({ process, run, told }) => {
    const job = await run(`printf '\\036%s 0\\nmore' "$JOBRUNNER_END"; end_err 0`);
    assert.deepEqual([endOf(job.end), job.stdout], [[0, undefined], ""]);
    assert.deepEqual([told, process.fate], [["stray 4 true"], "protocol"]);
  });
});

Deno.test("WarmProcess drops bytes that it reads while it is idle, and is not to be used again", async () => {
  for (const [to, bytes] of [["", 5], [">&2", 5]] as const) {
    await withProcess({}, async ({ process, run, told, folder }) => {
      await run(`end 0; wait_for ${folder}/go; echo late ${to}`);
      assert.equal(process.fate, undefined);
      Deno.writeTextFileSync(`${folder}/go`, "");
      await eventually("the bytes are read", () => told.length > 0);
      assert.deepEqual([told, process.fate], [[`stray ${bytes} true`], "protocol"]);
    });
  }
});

Deno.test("WarmProcess.run() drops a late end line of the job before, which ends nothing", async () => {
  await withProcess({}, async ({ process, run, told }) => {
    await run("late=$JOBRUNNER_END; end 0");
    const job = await run(`echo a; printf '\\036%s 9\\n' "$late"; echo b; end 1`);
    assert.deepEqual([endOf(job.end), job.stdout], [[1, undefined], "a\nb\n"]);
    assert.deepEqual([told, process.fate], [["stray 36 true"], "protocol"]);
  });
});

Deno.test("WarmProcess.run() reports that a process has not read the job if it closed its input before", async () => {
  await withProcess({}, async ({ process, run, folder, told }) => {
    await run(
      `end 0; exec <&-; : >${folder}/closed; wait_for ${folder}/go; echo late; exec sleep 600`,
    );
    await fileExists(`${folder}/closed`);
    const later: string[] = [];
    const job = await run("echo never", { onOutput: (kind) => void later.push(kind) });
    assert.deepEqual([job.end, job.taken, job.stdout], [{ kind: "unread" }, 0, ""]);
    assert.equal(process.fate, "idle_death");
    Deno.writeTextFileSync(`${folder}/go`, "");
    await eventually("what it writes then is dropped", () => told.length > 0);
    assert.deepEqual([told, later], [["stray 5 false"], []]);
    process.hurry(0);
    await process.end("recycled");
  });
});

Deno.test("WarmProcess reports its exit while it is idle, and has not read a job that it gets then", async () => {
  await withProcess({}, async ({ process, run, folder, told }) => {
    await run(`end 0; wait_for ${folder}/go; exit 5`);
    Deno.writeTextFileSync(`${folder}/go`, "");
    await eventually("it is over", () => process.fate !== undefined);
    assert.deepEqual([told, process.fate, process.status?.code], [["exit 5"], "idle_death", 5]);
    assert.deepEqual((await run("echo never")).end, { kind: "unread" });
    assert.deepEqual(told, ["exit 5"]);
  });
});

Deno.test("WarmProcess.run() kills the tree for a cause, marked with the folder of the process", async () => {
  await withProcess({}, async ({ process, run, killed }) => {
    const stop = createStop();
    const job = await run("echo out; sleep 600; end 0", stoppedAtOutput(stop));
    assert.ok(job.end.kind === "ended");
    assert.deepEqual([job.stdout, process.fate, killed], ["out\n", "caused", ["tree"]]);
    await process.end("recycled");
    assert.deepEqual(killed, ["tree"], "it is not killed again");
  });
});

Deno.test("WarmProcess.run() ends for a cause although end lines came at the same moment", async () => {
  for (let round = 0; round < 10; round++) {
    await withProcess({}, async ({ process, run, killed }) => {
      const stop = createStop();
      const job = await run("end_err 1; printf 'out\\036%s 0\\n' $JOBRUNNER_END", {
        ...stoppedAtOutput(stop),
      });
      assert.deepEqual([endOf(job.end)[1], stop.cause], [undefined, "canceled"]);
      assert.deepEqual([process.fate, killed], ["caused", ["tree"]]);
      assert.equal(isAlive(process.pid), false);
    });
  }
});

Deno.test("WarmProcess.run() ends for a cause while the process does not read its input", async () => {
  await withProcess({ words: ["sleep", "600"] }, async ({ process, run }) => {
    const stop = createStop();
    const running = run("", { stop, block: new Uint8Array(1_000_000) });
    await eventually("it has the job", () => process.jobs === 1);
    stop.request("timed_out");
    const { end, taken } = await running;
    assert.deepEqual([end.kind, taken, process.fate], ["ended", 1, "caused"]);
  });
});

Deno.test("WarmProcess has not read a job if it exits while another process holds its full input", async () => {
  await withProcess({}, async ({ process, run, folder }) => {
    const go = `${folder}/go`;
    const hold = "exec 3<&0; sleep 600 <&3 3<&- >/dev/null 2>&1 & exec 3<&-; echo $!";
    const holder = await run(`${hold}; end 0; wait_for ${go}; exit 3`);
    try {
      const running = run("", { block: new Uint8Array(1_000_000) });
      await eventually("it has the job", () => process.jobs === 2);
      Deno.writeTextFileSync(go, "");
      const { end, taken } = await running;
      assert.deepEqual([end.kind, taken, process.fate], ["unread", 0, "idle_death"]);
    } finally {
      killTree(Number(holder.stdout));
    }
  });
});

Deno.test("WarmProcess.run() recognizes by the launcher's line that the command was not started", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/launcher`;
  const script = '#!/bin/sh\nread line; printf "word 002\\n" >&2; exit 127\n';
  Deno.writeTextFileSync(path, script, { mode: 0o700 });
  await withProcess({ launcher: { path, word: "word", holdsAll: true } }, async ({ run }) => {
    const { end, stderr } = await run("");
    assert.ok(end.kind === "ended");
    assert.deepEqual([end.errno, stderr], [2, ""]);
  });
});

Deno.test("WarmProcess.end() closes the input, and does not kill a process that exits then", async () => {
  await withProcess({}, async ({ process, told, killed }) => {
    const ended = process.end("recycled");
    assert.equal(process.end("protocol"), ended, "it is idempotent");
    await ended;
    assert.deepEqual([process.fate, process.status?.code], ["recycled", 0]);
    assert.deepEqual([told, killed], [[], []]);
  });
});

Deno.test("WarmProcess.end() drops what the process wrote without a job", async () => {
  await withProcess({ words: ["sh", "-c", "echo boot; cat"] }, async ({ process, told }) => {
    await process.end("recycled");
    assert.deepEqual(told, ["stray 5 false"]);
  });
});

Deno.test("WarmProcess.end() kills the tree of a process that ignores the end of its input, after the grace", async () => {
  await withProcess({ graceMs: 1 }, async ({ process, run, folder, killed }) => {
    await run(`end 0; sleep 600 & echo $! >${folder}/pid; wait`);
    await process.end("recycled");
    assert.deepEqual([killed, isAlive(process.pid)], [["tree"], false]);
    assert.equal(isAlive(Number(Deno.readTextFileSync(`${folder}/pid`))), false);
  });
});

Deno.test("WarmProcess.hurry() shortens the grace, and never extends it", async () => {
  await withProcess({}, async ({ process, run, killed }) => {
    await run("end 0; exec sleep 600");
    const ended = process.end("recycled");
    process.hurry(1);
    process.hurry(60_000);
    await ended;
    assert.deepEqual(killed, ["tree"]);
  });
});

Deno.test("WarmProcess.hurry() sets no timer for a process that has exited", async () => {
  await withProcess({}, async ({ process }) => {
    await process.end("recycled");
    process.hurry(30_000);
  });
});

Deno.test("WarmProcess.run() does not wait for the exit of a process that leaves", async () => {
  await withProcess({}, async ({ process, run, folder, killed }) => {
    const { end } = await run(`end 3 leaving; wait_for ${folder}/go; exit`);
    assert.deepEqual([endOf(end), process.fate], [[3, undefined], "leaving"]);
    assert.ok(isAlive(process.pid));
    const ended = process.end("recycled");
    Deno.writeTextFileSync(`${folder}/go`, "");
    await ended;
    assert.deepEqual([process.fate, process.status?.code, killed], ["leaving", 0, []]);
  });
});

Deno.test("WarmProcess.end() has the holders of the pipes of a process that left killed", async () => {
  await withProcess({}, async ({ process, run, folder, killed }) => {
    await run(`sleep 600 & echo $! >${folder}/pid; end 0 leaving; exit`);
    await process.end("recycled");
    assert.deepEqual(killed, ["holders"]);
    killTree(Number(Deno.readTextFileSync(`${folder}/pid`)));
  });
});
