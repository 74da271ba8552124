/** The Windows binary and warm workers, which Deno for Windows runs. */

import assert from "node:assert/strict";
import { base64, post, postRaw, statusOf } from "../support/client.ts";
import { eventually } from "../support/processes.ts";
import { fixture, projectRoot } from "../support/program.ts";
import { filesIn, spoolIn } from "../support/spool.ts";
import {
  fileAlone,
  processesWith,
  start,
  stop,
  windowsDeno,
  windowsFolder,
  writeFile,
} from "../support/windows.ts";
import { waitingProcess } from "../support/warm_adapter_suite.ts";

const keep = ".\\deno.exe run -A --no-config keep.mjs windows_job.mjs";
const one = { JOBRUNNER_WARM: "on", JOBRUNNER_NUM_WORKERS: "1" };

/** A folder of Windows with Deno, the adapter and the jobs. */
async function denoFolder(): Promise<Disposable & { readonly path: string }> {
  const folder = windowsFolder();
  Deno.copyFileSync(await windowsDeno(), `${folder.path}/deno.exe`);
  Deno.copyFileSync(`${projectRoot}contrib/warm/keep.mjs`, `${folder.path}/keep.mjs`);
  for (const name of ["windows_job.mjs", "windows_lines.mjs"]) {
    Deno.copyFileSync(fixture(`warm/${name}`), `${folder.path}/${name}`);
  }
  return folder;
}

Deno.test("Windows: one warm process runs jobs with binary data, any id, exit status and stderr", async () => {
  using folder = await denoFolder();
  await using program = await start(folder.path, keep, one);
  const pid = await waitingProcess(program);
  const { output, json } = await post(program.url, "id", { id: "Müller = €&%PATH%" });
  assert.deepEqual([output, json["exit_status"]], ["Müller = €&%PATH%\n", 0]);
  const exit3 = await post(program.url, "exit3");
  assert.deepEqual([exit3.output, exit3.data, exit3.json["exit_status"]], ["before\n", "half", 3]);
  const thrown = await post(program.url, "throw");
  assert.match(thrown.error, /TypeError: thrown/);
  assert.deepEqual([thrown.data, thrown.json["exit_status"]], ["", 1]);
  const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, at) => at % 256).toBase64();
  const big = await postRaw(program.url, JSON.stringify({ id: "big", data: bytes }));
  assert.ok(big.json["output"] === bytes && big.json["data"] === bytes, "1 MiB each way");
  for (const answer of [json, exit3.json, thrown.json, big.json]) {
    assert.equal(answer["warm"], true);
    assert.equal(answer["message"], undefined);
  }
  assert.equal(await waitingProcess(program), pid);
  await stop(program, folder.path);
});

Deno.test("Windows: a warm process gets the variables of each job, also those that have no value", async () => {
  using folder = await denoFolder();
  await using program = await start(folder.path, keep, one);
  await waitingProcess(program);
  const names = "JOBRUNNER_WARM JOBRUNNER_WORKER_ID JOBRUNNER_TIMEOUT_SEC TRACESTATE";
  const data = base64(`variables ${names}`);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const headers = { traceparent, tracestate: "a=1,b=2" };
  const first = JSON.stringify({ id: "i", data, timeout_sec: 50 });
  const lines = async (body: string, options = {}) =>
    (await postRaw(program.url, body, options)).output.split("\n").slice(0, -1);
  assert.deepEqual(await lines(first, { headers }), [
    ...["JOBRUNNER_WARM=[1][1]", "JOBRUNNER_WORKER_ID=[1][1]"],
    ...["JOBRUNNER_TIMEOUT_SEC=[][50]", "TRACESTATE=[][a=1,b=2]"],
  ]);
  assert.deepEqual((await lines(JSON.stringify({ id: "i", data }))).slice(2), [
    ...["JOBRUNNER_TIMEOUT_SEC=[][]", "TRACESTATE=[][]"],
  ]);
  await stop(program, folder.path);
});

Deno.test("Windows: a warm process that a timeout kills or that exits is replaced", async () => {
  using folder = await denoFolder();
  await using program = await start(folder.path, keep, one);
  let pid = await waitingProcess(program);
  for (const kind of ["wait", "loop", "leave"]) {
    const body = JSON.stringify({ id: "i", data: base64(kind), timeout_sec: 2 });
    const { json } = await postRaw(program.url, body);
    assert.equal(json["exit_status"], kind === "leave" ? 5 : 124);
    assert.equal(json["timed_out"] === true, kind !== "leave");
    const next = await waitingProcess(program);
    assert.notEqual(next, pid);
    pid = next;
    assert.equal((await post(program.url, "next")).data, "next");
    await eventually("one process is left", () => processesWith("windows_job.mjs") === 1);
  }
  await stop(program, folder.path);
});

Deno.test("Windows: a warm process gets bodies and forms of POST /run that are on the disk", async () => {
  using folder = await denoFolder();
  await using program = await start(folder.path, keep, one);
  const pid = await waitingProcess(program);
  for (const count of [0, 10, 20_000, 400_000, 10]) {
    const text = "line\r\n".repeat(count);
    for (const output of ["data", "output"]) {
      const answer = await fetch(`${program.url}/run?answer=${output}`, {
        method: "POST",
        body: text,
      });
      assert.ok(await answer.text() === text, `${count} lines`);
      assert.equal(answer.status, 200);
    }
    const body = new FormData();
    body.append("doc", new Blob([text]), "a.txt");
    const answer = await fetch(`${program.url}/run`, { method: "POST", body });
    assert.ok(await answer.text() === text, `${count} lines in a form`);
  }
  assert.equal(await waitingProcess(program), pid);
  await stop(program, folder.path);
});

Deno.test("Windows: the files of a warm job are not open elsewhere, and new ones replace those that stay open", async () => {
  using folder = await denoFolder();
  await using program = await start(folder.path, keep, one);
  const pid = await waitingProcess(program);
  const { output, json } = await post(program.url, "alone");
  assert.deepEqual([output, json["exit_status"], json["warm"]], ["alone\n", 0, true]);
  assert.notEqual(await waitingProcess(program), pid);
  assert.equal((await post(program.url, "next")).data, "next");
  assert.equal(filesIn(spoolIn(`${folder.path}/spool`)).length, 3, "one folder with two files");
  await stop(program, folder.path);
});

Deno.test("Windows: end lines may end with CR and LF", async () => {
  using folder = await denoFolder();
  await using program = await start(folder.path, ".\\deno.exe run -A windows_lines.mjs", one);
  const pid = await waitingProcess(program);
  for (let round = 0; round < 2; round++) {
    const { output, error, json } = await post(program.url, "x");
    assert.deepEqual([output, error, json["exit_status"]], ["out\r\n", "err\r\n", 4]);
    assert.equal(json["message"], undefined);
  }
  assert.equal(await waitingProcess(program), pid);
  await stop(program, folder.path);
});

Deno.test("Windows: a forced stop kills a warm process and its job; warm = true is a key of the file", async () => {
  using folder = await denoFolder();
  writeFile(
    folder.path,
    "[commands.a]",
    `cmd = '${keep}'`,
    "warm = true",
    "num_workers = 1",
  );
  await using program = await start(folder.path, undefined, {
    ...fileAlone,
    JOBRUNNER_DRAIN_TIMEOUT_SEC: "0.5",
  });
  await waitingProcess(program);
  const running = post(program.url, "wait", { command: "a" });
  await eventually("the job runs", async () => (await statusOf(program.url)).busy === 1);
  const code = await program.stop("SIGINT");
  await program.cleared;
  assert.equal(code, 1, program.log.join("\n"));
  assert.equal((await running).json["ending"], "shutdown");
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/spool`)], []);
});
