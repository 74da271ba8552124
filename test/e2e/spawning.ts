/**
 * Commands are started without a copy of the server's memory maps: a fork would cost several times as much, and more with
 * each megabyte that the server holds. strace shows it.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture, projectRoot, startCommand } from "../support/program.ts";

/** How processes were made, from strace's output: those that signal their end to their parent. */
function processesMade(trace: string): { readonly sharing: number; readonly forked: number } {
  const made = Deno.readTextFileSync(trace).split("\n")
    .filter((line) => /\bclone3?\(.*SIGCHLD|\bv?fork\(/.test(line));
  const sharing = made.filter((line) => /CLONE_VFORK|\bvfork\(/.test(line)).length;
  return { sharing, forked: made.length - sharing };
}

/** With `-D` the program itself is our child, and strace attaches to it. */
const strace = (trace: string) => ["-D", "-f", "-qq", "-e", "trace=process", "-o", trace];

Deno.test("serve starts commands without a fork", async () => {
  using folder = temporaryFolder();
  const trace = `${folder.path}/trace`;
  const args = ["run", "-A", `${projectRoot}main.ts`, "serve"];
  await using server = await startCommand("strace", {
    args: [...strace(trace), Deno.execPath(), ...args],
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_HTTP_LISTEN_PORT: "0" },
  });
  for (let job = 0; job < 5; job++) assert.equal((await post(server.url, ":")).status, 200);
  const made = processesMade(trace);
  assert.equal(made.forked, 0);
  assert.ok(made.sharing >= 5, `${made.sharing}`);
});

Deno.test("strace would show a fork", async () => {
  using folder = temporaryFolder();
  const trace = `${folder.path}/trace`;
  const program = `
    const child = new Deno.Command("true", { detached: true }).spawn();
    await child.status;`;
  const { success } = await new Deno.Command("strace", {
    args: [...strace(trace).slice(1), Deno.execPath(), "eval", program],
  }).output();
  assert.ok(success);
  assert.deepEqual(processesMade(trace), { sharing: 0, forked: 1 });
});
