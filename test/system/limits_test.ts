/**
 * A machine that runs out of something: each case is a clear 5xx for that one request, logged once, and the worker keeps running.
 */

import assert from "node:assert/strict";
import { base64, fillLog, get, post, postRaw, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram, unreadLog } from "../support/program.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

Deno.test("a spool that cannot be made is a 500, logged once, until it can be made again", async () => {
  using folder = temporaryFolder();
  const parent = `${folder.path}/parent`;
  Deno.mkdirSync(parent);
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_SPOOL_DIR: parent } });
  Deno.renameSync(parent, `${parent}.away`);
  const { status, text } = await post(program.url, "exit 0");
  assert.equal(status, 500);
  assert.equal(text, "The server could not write the job's files; see the server's log\n");
  Deno.renameSync(`${parent}.away`, parent);
  assert.equal((await post(program.url, "echo well again")).output, "well again\n");
  assert.deepEqual(filesIn(spoolIn(parent)), []);
  // A log is complete once its program has ended.
  await program.stop();
  assert.equal(program.log.filter((line) => line.includes("ERROR")).length, 1);
});

/** Lets the process open `count` more files, and no more than that. */
async function allowMoreFiles(pid: number, count: number): Promise<void> {
  const now = () =>
    new Set([...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => Number(name)));
  // A file that is open only for a moment would count as one more.
  let open = now();
  for (let look = 0; look < 10; look++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    open = open.intersection(now());
  }
  let limit = 0;
  for (let free = 0; free < count || open.has(limit); limit++) if (!open.has(limit)) free++;
  const { success } = await new Deno.Command("prlimit", {
    args: ["--pid", String(pid), `--nofile=${limit}:`],
  }).output();
  assert.ok(success);
}

Deno.test("too many open files are a 5xx with a reason, logged once each, until there are fewer", async () => {
  await using program = await startProgram({ env: shell });
  assert.equal((await post(program.url, "exit 0")).status, 200);
  // The connection of the first request is used again, so that nothing but the job itself needs a file.
  await allowMoreFiles(program.pid, 0);
  const noFile = await post(program.url, "exit 0");
  assert.equal(noFile.status, 500);
  assert.match(noFile.text, /could not write the job's files/);
  await allowMoreFiles(program.pid, 1);
  const noProcess = await post(program.url, "exit 0");
  assert.equal(noProcess.status, 503);
  assert.equal(noProcess.text, "The server could not start a process; see the server's log\n");
  assert.match(noProcess.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  await allowMoreFiles(program.pid, 1000);
  assert.equal((await post(program.url, "echo well again")).output, "well again\n");
  await program.stop();
  assert.equal(
    program.log.filter((line) => /ERROR job could not be run .*Too many open files/.test(line))
      .length,
    2,
    program.log.join("\n"),
  );
});

Deno.test("a lack of memory makes a body 503, cuts an output, and is reported for a response file", async () => {
  await using program = await startProgram({ env: shell });
  const { url, pid } = program;
  assert.equal((await post(url, "exit 0")).status, 200);
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const mostBytes = Number(/^VmSize:\s+(\d+) kB/m.exec(status)?.[1]) * 1024 + 60_000_000;
  const { success } = await new Deno.Command("prlimit", {
    args: ["--pid", String(pid), `--as=${mostBytes}:`],
  }).output();
  assert.ok(success);
  const body = await postRaw(
    url,
    JSON.stringify({ id: "x", data: base64("exit 0"), more: "x".repeat(90_000_000) }),
  );
  assert.equal(body.status, 503);
  assert.match(body.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  const output = await post(url, "head -c 90000000 /dev/zero; echo done >&2");
  assert.equal(output.status, 200, output.text.slice(0, 200));
  assert.equal(output.json["output_truncated"], true);
  assert.equal(output.error, "done\n", "the command was not blocked");
  const response = await post(url, 'head -c 90000000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"');
  assert.equal(response.status, 200);
  assert.equal(
    response.json["message"],
    "the response file could not be read: there is not enough memory for it",
  );
  assert.equal((await post(url, "echo well again")).output, "well again\n");
  await eventually(
    "nothing is held",
    async () => (await statusOf(url)).buffered_bytes === 0,
  );
});

for (const transport of ["tcp", "unix"] as const) {
  Deno.test(`serve keeps running when it can accept no connection over ${transport}, and accepts again as soon as it can`, async () => {
    using folder = temporaryFolder();
    const port = freePort();
    const path = `${folder.path}/http.sock`;
    const unix = transport === "unix";
    await using program = await startProgram({
      env: {
        ...shell,
        ...(unix ? { JOBRUNNER_HTTP_LISTEN_ADDRESS: `unix:${path}` } : {}),
        JOBRUNNER_HTTP_LISTEN_PORT: String(port),
      },
    });
    using client = Deno.createHttpClient(unix ? { proxy: { transport, path } } : {});
    const url = unix ? "http://localhost" : program.url;
    const running = post(url, `touch ${folder.path}/runs; sleep 0.3; echo whole`, { client });
    await fileExists(`${folder.path}/runs`);
    const first = unix ? Deno.lstatSync(path).ino : undefined;
    await allowMoreFiles(program.pid, 0);
    const connections: Deno.Conn[] = [];
    while (!program.log.some((line) => line.includes("connections could not be accepted"))) {
      // Deno 2.7.11 reports it only after the running job; until then connections are refused.
      const connection = await (unix
        ? Deno.connect({ transport, path })
        : Deno.connect({ hostname: "127.0.0.1", port })).catch(() =>
          undefined
        );
      if (!connection) break;
      connections.push(connection);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await allowMoreFiles(program.pid, 1000);
    for (const connection of connections) connection.close();
    assert.equal((await running).output, "whole\n");
    await eventually(
      "it accepts again",
      () => get(`${url}/livez`, { client }).then(({ status }) => status === 200, () => false),
    );
    assert.equal((await post(url, "echo again", { client })).output, "again\n");
    const last = unix ? Deno.lstatSync(path).ino : undefined;
    assert.equal(await program.stop(), 0);
    if (!unix) return;
    // Deno 2.7.11 may keep the socket.
    const failed = program.log.some((line) => line.includes("connections could not be accepted"));
    assert.equal(last !== first, failed, "a socket that was closed was opened again");
  });
}

Deno.test("an unread log blocks neither jobs nor the stop", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({ env: shell, through: unreadLog(folder.path) });
  await fillLog(program.url);
  assert.equal(await program.stop(), 0);
});

Deno.test("2 000 idle and half-sent connections do not stop others from being served", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_REQUEST_TIMEOUT_SEC: "1" },
  });
  const { hostname, port } = new URL(program.url);
  const encoder = new TextEncoder();
  const beginnings = [
    "",
    "POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Le",
    'POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"id":',
  ].map((text) => encoder.encode(text));
  const connections: Deno.Conn[] = [];
  try {
    for (let index = 0; index < 2000; index++) {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      connections.push(connection);
      const beginning = beginnings[index % beginnings.length];
      if (beginning?.length) await connection.write(beginning);
      if (index % 500 === 0) {
        assert.equal((await post(program.url, "echo served")).output, "served\n");
      }
    }
    assert.equal((await post(program.url, "echo served")).output, "served\n");
    await eventually("what half-sent bodies held is freed", async () => {
      return (await statusOf(program.url)).buffered_bytes === 0;
    });
  } finally {
    for (const connection of connections) connection.close();
  }
  assert.equal(await program.stop(), 0);
});
