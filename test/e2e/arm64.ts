/**
 * The linux-arm64 binary under qemu-user: start, a job, metrics, stop.
 */

import assert from "node:assert/strict";
import { get, post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture, projectRoot, startCommand } from "../support/program.ts";

Deno.test("the ARM64 binary serves a job", async () => {
  using folder = temporaryFolder();
  await using program = await startCommand("qemu-aarch64-static", {
    args: ["-L", "/usr/aarch64-linux-gnu", `${projectRoot}bin/jobrunner-linux-arm64`, "serve"],
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_LOG_FORMAT: "text",
      JOBRUNNER_SPOOL_DIR: folder.path,
    },
  });
  const { output, json } = await post(program.url, "echo from arm; exit 3");
  assert.equal(output, "from arm\n");
  assert.equal(json["exit_status"], 3);
  assert.match((await get(`${program.url}/metrics`)).text, /outcome="failed"} 1$/m);
  assert.equal(await program.stop(), 0);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});
