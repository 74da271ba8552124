/**
 * The example of docs/guides/many-machines.md, typed as the page prints it. Needs nats-server (see `test/support/nats_server.ts`),
 * curl and jq.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { connected, openReportingLink } from "../support/nats_links.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";
import { type Program, projectRoot, startCommand } from "../support/program.ts";
import { place, replaced, textOf } from "../support/recipes.ts";

const page = Deno.readTextFileSync(`${projectRoot}docs/guides/many-machines.md`);
const blocks = [...page.matchAll(/^```(?:sh)?\n([\s\S]*?)^```/gm)].map(([, text = ""]) => text);

Deno.test("many-machines.md: two servers share a queue, and refuse, as the guide prints", async () => {
  const [nats = "", first = "", second = "", send = "", printed = ""] = blocks;
  using folder = temporaryFolder();
  const { path } = folder;
  const env = place(path);
  const program = Deno.env.get("JOBRUNNER_TEST_NATS");
  if (program !== undefined) Deno.symlinkSync(program, `${path}/nats-server`);
  const port = String(freePort());
  // Each takes the place of its shell, so that a signal reaches it.
  await using server = new Deno.Command("bash", {
    args: ["-euc", `exec ${replaced(nats, "4222", port)}`],
    cwd: path,
    env,
    stdout: "null",
    stderr: "null",
  }).spawn();
  await using reporting = openReportingLink(`127.0.0.1:${port}`);
  await connected(reporting.link);
  const serve = (block: string, chosen: string): Promise<Program> => {
    const here = replaced(replaced(block, "4222", port), `--http-listen-port ${chosen} `, "");
    const script = here.replace(/^NAME=(\w+) jobrunner/m, "NAME=$1 exec jobrunner");
    return startCommand("bash", { args: ["-euc", script], cwd: path, env });
  };
  await using one = await serve(first, "8081");
  await using other = await serve(second, "8082");
  assert.notEqual(one.url, other.url);
  await eventually("the queue has the places of both", async () => {
    const size = await reporting.link.size("JR1_default_default").catch(() => undefined);
    return size?.maxMessages === 4;
  });
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-uc", replaced(send, "http://127.0.0.1:8081", one.url)],
    cwd: path,
    env,
  }).output();
  assert.equal(textOf(stdout) + textOf(stderr), printed);
  server.kill("SIGTERM");
});
