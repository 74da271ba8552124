import assert from "node:assert/strict";
import { type ColdStartSettings, createColdStart } from "../../src/exec/cold_start.ts";
import { createStop } from "../../src/jobs/stop.ts";
import type { RunFiles } from "../../src/spool/workspace.ts";
import { coldStartOf } from "../support/cold_start.ts";
import { commandHere } from "../support/commands.ts";
import { temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { temporarySpool } from "../support/spool.ts";
import { nextTurn } from "../support/turn.ts";

/** Runs a shell script whose standard input is the payload; `before` is called when its files are there. */
async function fed(
  script: string,
  payload: string,
  other: Partial<ColdStartSettings> = {},
  before: (files: RunFiles) => void = () => {},
) {
  using temporary = temporarySpool();
  const input = { kind: "bytes" as const, bytes: new TextEncoder().encode(payload) };
  const text = { stdout: "", stderr: "" };
  const runner = createColdStart(coldStartOf(temporary.spool, ["/bin/sh", "-c", script], {
    stdin: "piped",
    trees: {
      endTree: ({ pid }) => Promise.resolve(Deno.kill(pid, "SIGKILL")),
      endHolders: () => Promise.resolve(),
    },
    ...other,
  }));
  const prepared = await runner.prepare(input, { workerId: 1, id: "i" });
  const { files } = prepared;
  before(files);
  const end = await prepared.run(
    { spec: { id: "i" }, variables: {}, stop: createStop() },
    (event) => {
      if ("bytes" in event) text[event.kind] += new TextDecoder().decode(event.bytes);
    },
  );
  await files.remove();
  return { end, files, ...text };
}

/** Number of files of jobs, and of pipes to other processes, that this process has open; both ends of its own pipes are here. */
function held(): number {
  const links = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  });
  return links.filter((link) =>
    link.includes("/jobdata_w_") ||
    link.startsWith("pipe:") && links.filter((other) => other === link).length === 1
  ).length;
}

/** Waits until no more of them are open than before. */
async function allClosed(before: number): Promise<void> {
  await eventually("pipes and files are closed", () => held() <= before);
  await nextTurn();
}

Deno.test("createColdStart() with stdin payload gives a command the payload, which is in its file as well", async () => {
  const before = held();
  for (const length of [0, 1, 70_000, 3_000_001]) {
    const script =
      'cd "$JOBRUNNER_JOB_DIR"; tee copy | cmp - "$JOBRUNNER_REQUEST_DATA_FN" && wc -c <copy';
    const run = await fed(script, "x".repeat(length));
    assert.ok(run.end.ok);
    assert.deepEqual([run.stdout, run.stderr], [`${length}\n`, ""]);
  }
  await allClosed(before);
});

Deno.test("createColdStart() with stdin payload ends with a command that reads only a part, or nothing", async () => {
  const before = held();
  const large = "x".repeat(3_000_000);
  for (const script of ["head -c 1", "printf x", "exec <&-; printf x"]) {
    const run = await fed(script, large);
    assert.ok(run.end.ok);
    assert.deepEqual(run.end.ending, { kind: "exited", exitStatus: 0 });
    assert.equal(run.stdout, "x");
  }
  const missing = await fed("", large, { command: commandHere(["/no/such/program"]) });
  assert.ok(missing.end.ok && missing.end.ending.kind === "not_started");
  await allClosed(before);
});

Deno.test("createColdStart() with stdin payload ends a command that reads nothing at its timeout", async () => {
  const before = held();
  const run = await fed("exec sleep 600", "x".repeat(3_000_000), { jobTimeoutMs: 50 });
  assert.ok(run.end.ok);
  assert.equal(run.end.ending.kind, "timed_out");
  await allClosed(before);
});

Deno.test("createColdStart() with stdin payload does not wait for a child that holds the pipe, and has it killed", async () => {
  using folder = temporaryFolder();
  const pidFile = `${folder.path}/pid`;
  const before = held();
  const killed = Promise.withResolvers<void>();
  const run = await fed(
    `exec 3<&0; sleep 600 <&3 >/dev/null 2>&1 & echo $! >${pidFile}; echo out`,
    "x".repeat(3_000_000),
    {
      trees: {
        endTree: () => assert.fail("no cause came in"),
        endHolders() {
          Deno.kill(Number(Deno.readTextFileSync(pidFile)), "SIGKILL");
          killed.resolve();
          return Promise.resolve();
        },
      },
    },
  );
  assert.ok(run.end.ok);
  assert.deepEqual([run.end.ending.kind, run.stdout], ["exited", "out\n"]);
  await killed.promise;
  await allClosed(before);
});

Deno.test("createColdStart() with stdin payload starts nothing if the request file was replaced", async () => {
  using folder = temporaryFolder();
  const said = `${folder.path}/said`;
  const { end, files } = await fed(`: >${said}`, "x", {}, ({ requestFile }) => {
    Deno.removeSync(requestFile);
    Deno.symlinkSync("/etc/passwd", requestFile);
  });
  assert.deepEqual(end, {
    ok: false,
    failure: {
      kind: "spool_unusable",
      reason: `cannot read the payload: ${files.requestFile}: must be a regular file`,
    },
  });
  assert.throws(() => Deno.statSync(said), Deno.errors.NotFound);
});
