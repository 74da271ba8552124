/**
 * `POST /run`: JOBRUNNER_MAX_SPOOL_BYTES limits what all requests hold on the disk.
 */

import assert from "node:assert/strict";
import { post, scrape, statusOf } from "../support/client.ts";
import { beginPost } from "../support/half_sent.ts";
import { expectNothingLeft } from "../support/nothing_left.ts";
import { eventually } from "../support/processes.ts";
import type { Program } from "../support/program.ts";
import { postRun, runScript } from "../support/run_client.ts";
import { onShell } from "../support/shell_program.ts";

const limit = 1_000_000;

/** Runs a program with little room, and checks at the end that all of it is free again. */
function onLittle(act: (program: Program) => Promise<void>): Promise<void> {
  return onShell({ JOBRUNNER_MAX_SPOOL_BYTES: String(limit) }, async (program, folder) => {
    await act(program);
    await expectNothingLeft(program, folder);
    const script = `: ${"#".repeat(500_000)}\nhead -c 400000 /dev/zero`;
    assert.equal((await runScript(program.url, script)).bytes.length, 400_000);
  });
}

/** Waits until requests hold so many bytes on the disk. */
async function spooled({ url }: Program, bytes: number): Promise<void> {
  await eventually(`${bytes} bytes are held`, async () => {
    return (await scrape(url)).get("jobrunner_spooled_bytes") === bytes;
  });
}

Deno.test("POST /run answers 503 spool_full to a body for which there is no room, before it is sent", async () => {
  await onLittle(async (program) => {
    const { url } = program;
    using tooLarge = await beginPost(url, "/run", [`Content-Length: ${limit + 1}`]);
    assert.match(await tooLarge.answer(), /^HTTP\/1\.1 413 /);
    using holder = await beginPost(url, "/run", ["Content-Length: 600000"]);
    await spooled(program, 600_000);
    using another = await beginPost(url, "/run", [
      "Content-Length: 400001",
      "Accept: application/problem+json, */*",
      "Expect: 100-continue",
    ]);
    assert.match(
      await another.answer(),
      /^HTTP\/1\.1 503 .*retry-after: [1-9].*"code":"spool_full"/is,
    );
    assert.equal((await runScript(url, "echo ran")).text, "ran\n");
    assert.equal((await post(url, "echo ran")).output, "ran\n");
    assert.equal((await statusOf(url)).rejections.spool_full, 1);
    holder[Symbol.dispose]();
  });
});

Deno.test("POST /run answers 503 to a chunked body when it reaches the end of the room", async () => {
  await onLittle(async ({ url }) => {
    const body = new Blob([new Uint8Array(limit + 65_536)]).stream();
    const { status, text, headers } = await postRun(url, body);
    assert.deepEqual([status, headers.has("retry-after")], [503, true]);
    assert.match(text, /JOBRUNNER_MAX_SPOOL_BYTES/);
    assert.equal((await runScript(url, "echo ran")).text, "ran\n");
  });
});

Deno.test("an output for which there is no room is reported as cut, and its command ends all the same", async () => {
  await onLittle(async ({ url }) => {
    const script = `head -c 5000000 /dev/zero; echo small >&2
      head -c 5000000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"`;
    for (const part of ["data", "output"]) {
      const { status, headers } = await postRun(url, script, { target: `?answer=${part}` });
      assert.deepEqual([status, headers.get("x-jr-truncated")], [507, "data, output"]);
    }
    const { text } = await postRun(url, script, { target: "?answer=error" });
    assert.equal(text, "small\n");
    const accept = { accept: "multipart/form-data" };
    const { headers, bytes } = await postRun(url, script, { headers: accept });
    const form = await new Response(bytes, { headers }).formData();
    const kept = (form.get("output") as File).size;
    assert.ok(kept > 900_000 && kept <= limit, `${kept} bytes`);
    const result = JSON.parse(String(form.get("result")));
    assert.deepEqual([result.output_truncated, result.data_truncated], [true, true]);
    assert.equal((await statusOf(url)).outcomes.success, 4);
  });
});

Deno.test("outputs of POST /payload are kept in memory, whatever room there is on the disk", async () => {
  await onLittle(async (program) => {
    const { url } = program;
    using _holder = await beginPost(url, "/run", [`Content-Length: ${0.9 * limit}`]);
    await spooled(program, 0.9 * limit);
    const { output, json } = await post(url, "head -c 2000000 /dev/zero");
    assert.deepEqual([output.length, json["output_truncated"]], [2_000_000, undefined]);
    const accept = { accept: "application/json" };
    assert.equal((await runScript(url, "echo ran", { headers: accept })).status, 503);
  });
});
