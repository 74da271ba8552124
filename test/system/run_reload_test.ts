/**
 * `POST /run` and live output while the configuration is reloaded, and over TLS.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { beginPost } from "../support/half_sent.ts";
import { openLive, outputIn } from "../support/live_client.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";
import { commandTable, held, isReloaded, showToken, withFile } from "../support/reload.ts";
import { postRun } from "../support/run_client.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

Deno.test("a reload changes what POST /run does for requests that come after it", async () => {
  const before = "max_spool_bytes = 100000\n" + commandTable("a", "old", "max_run_bytes = 200000");
  await withFile(before, async ({ url, reload }) => {
    const post = (script: string, target = "/a") => postRun(url, script, { target });
    const large = `${showToken}; exit 3 #${"x".repeat(150_000)}`;
    assert.equal((await post(large)).status, 413);
    assert.equal((await post(`${showToken}; exit 3`)).status, 422);
    const after = commandTable("a", "new", "failed_status = 500", 'response_type = "image/png"') +
      commandTable("b", "other");
    assert.ok(isReloaded(await reload(after)));
    const failed = await post(large);
    assert.deepEqual([failed.status, failed.text], [
      500,
      "The command exited with status 3\n",
    ]);
    const { headers } = await post('echo x >"$JOBRUNNER_RESPONSE_DATA_FN"');
    assert.equal(headers.get("content-type"), "image/png");
    assert.equal((await post(showToken, "/b")).text, "other other\n");
  });
});

Deno.test("an upload and a live answer keep the command that they began with", async () => {
  await withFile(commandTable("a", "old"), async ({ url, reload, folder, spool }) => {
    using upload = await beginPost(url, "/run/a", [`Content-Length: ${showToken.length}`]);
    await upload.write(showToken.slice(0, 3));
    await eventually("it has a file", () => filesIn(spoolIn(spool)).length === 2);
    const { script, release } = held(folder, "live");
    const live = await openLive(url, "/run/a", `echo begun; ${script}`);
    await live.untilOutput("stdout", "begun\n");
    assert.ok(isReloaded(await reload(commandTable("b", "new"))));
    release();
    assert.equal(outputIn(await live.rest(), "stdout"), "begun\nold old\n");
    await upload.write(showToken.slice(3));
    assert.match(await upload.answer(), /^HTTP\/1\.1 200 .*old old\n$/s);
    assert.equal((await postRun(url, showToken, { target: "/a" })).status, 404);
  });
});

Deno.test("POST /run takes a large body without a length over HTTP/2, and notices a listener that leaves", async () => {
  using folder = temporaryFolder();
  const { path } = folder;
  await using program = await startProgram({
    env: {
      JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
      JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
      JOBRUNNER_SPOOL_DIR: path,
      JOBRUNNER_CMD:
        `sh -c 'wc -c <"$JOBRUNNER_REQUEST_DATA_FN"; [ -e ${path}/fast ] || exec sleep 100'`,
    },
  });
  const caCerts = [Deno.readTextFileSync(fixture("tls/ca.pem"))];
  using client = Deno.createHttpClient({ caCerts });
  const url = `https://localhost:${new URL(program.url).port}`;
  const post = (accept: string) =>
    fetch(`${url}/run`, {
      method: "POST",
      body: new Blob([new Uint8Array(20_000_000)]).stream(),
      headers: { accept },
      client,
    });
  const reader = (await post("application/x-ndjson")).body?.pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  while (!text.includes('"text":"20000000\\n"')) text += (await reader?.read())?.value;
  await reader?.cancel();
  await program.line("outcome=canceled");
  Deno.writeTextFileSync(`${path}/fast`, "");
  assert.equal(await (await post("*/*")).text(), "20000000\n");
  const metrics = await (await fetch(`${url}/metrics`, { client })).text();
  assert.match(metrics, /^jobrunner_spooled_bytes 0$/m);
});
