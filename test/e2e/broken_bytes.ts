/**
 * `POST /run` with connections that break or stall half-way: nothing is left behind, and no client takes a part for the whole.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { startCurl } from "../support/curl.ts";
import { temporaryFolder, writeZeros } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { bytesReadBy } from "../support/proc.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";

const mebibyte = 2 ** 20;

/** A server that copies payloads, and its spool's parent. */
function startCopying(spool: string, env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const own = { JOBRUNNER_CMD: fixture("copy_payload.sh"), JOBRUNNER_SPOOL_DIR: spool };
  return startProgram({ env: { ...own, ...env } });
}

/** Folders of jobs in the spool. */
function foldersIn(spool: string): string[] {
  return [...Deno.readDirSync(spool)].flatMap(({ name }) =>
    name.startsWith("jobrunner-") ? [...Deno.readDirSync(`${spool}/${name}/spool`)] : []
  ).map(({ name }) => name).filter((name) => name.startsWith("job-"));
}

/** Files of the spool that the server holds open; it may read one under two descriptors. */
function openFiles({ pid }: Program, spool: string): string[] {
  const paths = [...Deno.readDirSync(`/proc/${pid}/fd`)].flatMap(({ name }) => {
    try {
      const path = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      return path.startsWith(spool) && path.includes("/spool/") ? [path] : [];
    } catch {
      return [];
    }
  });
  return [...new Set(paths)];
}

Deno.test("a client that is killed during its upload leaves neither its place nor its file", async () => {
  using folder = temporaryFolder();
  using spool = temporaryFolder();
  await using program = await startCopying(spool.path);
  const file = writeZeros(folder.path, 512 * mebibyte);
  await using client = startCurl(
    ["--limit-rate", "20M", "-X", "POST", "-T", file, `${program.url}/run`],
  );
  await eventually("bytes arrive", () => openFiles(program, spool.path).length > 0);
  assert.equal(foldersIn(spool.path).length, 1);
  await client.kill();
  await eventually(
    "nothing is left",
    async () =>
      foldersIn(spool.path).length + openFiles(program, spool.path).length +
          (await statusOf(program.url)).queued_jobs === 0,
  );
  assert.equal((await statusOf(program.url)).total_jobs, 0);
  assert.match(program.log.join("\n"), /reason=client_gone/);
});

Deno.test("a client that reads slowly is sent little ahead, and its file is closed when it is killed", async () => {
  using folder = temporaryFolder();
  using spool = temporaryFolder();
  await using program = await startCopying(spool.path);
  const length = 256 * mebibyte;
  const file = writeZeros(folder.path, length);
  const before = bytesReadBy(program);
  await using client = startCurl(["-X", "POST", "-T", file, `${program.url}/run`]);
  const reader = client.body.getReader();
  await reader.read();
  assert.equal(foldersIn(spool.path).length, 0);
  assert.equal(openFiles(program, spool.path).length, 1);
  const sentAhead = bytesReadBy(program) - before - length;
  assert.ok(sentAhead > 0 && sentAhead < 32 * mebibyte, `${sentAhead}`);
  reader.releaseLock();
  await client.kill();
  await eventually("the file is closed", () => openFiles(program, spool.path).length === 0);
});

Deno.test("curl exits with 18 when an answer breaks off", async () => {
  using folder = temporaryFolder();
  using spool = temporaryFolder();
  await using program = await startCopying(spool.path, { JOBRUNNER_ANSWER_TIMEOUT_SEC: "0.2" });
  const file = writeZeros(folder.path, 256 * mebibyte);
  await using client = startCurl(["-X", "POST", "-T", file, `${program.url}/run`]);
  assert.match(await program.line("gave up on an unread response"), /cause=answer_timeout/);
  const { code, status, log } = await client.exit();
  assert.deepEqual([code, status], [18, 200], log);
  assert.deepEqual(openFiles(program, spool.path), []);
});
