/**
 * What large bodies and many small pieces cost: the server's memory, and how long others wait meanwhile. The figures are required
 * of the product, so these tests measure time; they print what they measured.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { startProbe } from "../support/probe.ts";
import { peakMemoryOf } from "../support/proc.ts";
import { fixture, startProgram } from "../support/program.ts";
import { startFlags } from "../support/start_flags.ts";

const megabyte = 1e6;

/** A file with holes between random bytes at its beginning, in its middle and at its end. */
function writeSparse(path: string, length: number): void {
  using file = Deno.openSync(path, { write: true, createNew: true });
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  for (const at of [0, length / 2 + 1, length - bytes.length]) {
    file.seekSync(at, Deno.SeekMode.Start);
    file.writeSync(bytes);
  }
}

Deno.test("2 GB go up and down in 160 MB of memory, and others wait for 50 ms at most", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...startFlags(), JOBRUNNER_CMD: fixture("copy_payload.sh") },
  });
  const file = `${folder.path}/payload`;
  writeSparse(file, 2000 * megabyte);
  // A server that has nothing to do shows how long the machine itself lets others wait.
  await using idle = await startProgram({ env: { JOBRUNNER_CMD: "true" } });
  using probe = await startProbe(program.url);
  using idleProbe = await startProbe(idle.url);
  const begun = performance.now();
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'curl -sSf -X POST -T "$1" "$2/run" | cmp - "$1"', "sh", file, program.url],
  }).output();
  const seconds = (performance.now() - begun) / 1000;
  const answered = await probe.stop();
  const machine = await idleProbe.stop();
  assert.ok(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  const peak = peakMemoryOf(program) / megabyte;
  console.log(
    `${seconds.toFixed(1)} s, peak ${peak.toFixed(0)} MB; /status in ms:`,
    answered,
    "idle:",
    machine,
  );
  assert.ok(peak <= 160, `${peak} MB`);
  assert.ok(answered.p99 - machine.p99 <= 50, `${answered.p99} ms`);
});
