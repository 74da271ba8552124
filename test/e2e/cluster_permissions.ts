/** What a user of NATS must be allowed to do for machines that share a queue; also with the compiled program. */

import assert from "node:assert/strict";
import { streamOf } from "../../src/cluster/names.ts";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { openLive } from "../support/live_client.ts";
import { heldScript, startSteadyMember, watchQueue } from "../support/member.ts";
import { startNatsServer } from "../support/nats_server.ts";
import { postRun } from "../support/run_client.ts";

/** What a user of NATS needs for the queues of these pools of a group, and no more. */
function permissions(group: string, pools: readonly string[]): string {
  const streams = pools.map((pool) => streamOf(group, pool).stream);
  const api = ["INFO", "CREATE", "UPDATE", "MSG.GET", "MSG.DELETE"]
    .flatMap((verb) => streams.map((stream) => `$JS.API.STREAM.${verb}.${stream}`));
  const consumer = ["CREATE", "MSG.NEXT"]
    .flatMap((verb) => streams.map((stream) => `$JS.API.CONSUMER.${verb}.${stream}.w`));
  const acks = streams.map((stream) => `$JS.ACK.${stream}.w.>`);
  const mayPublish = [`jr1.${group}.>`, ...api, ...consumer, ...acks];
  return `{
    publish: ${JSON.stringify(mayPublish)}
    subscribe: ${JSON.stringify([`jr1.${group}.>`, "_INBOX.>"])}
    # A machine answers only when it has fetched a large result.
    allow_responses: { max: 1, expires: "1h" }
  }`;
}

Deno.test("machines need no more permissions than those for their streams and their subjects", async () => {
  using folder = temporaryFolder();
  const config = `
    accounts {
      SYS { users: [{ user: sys, password: s }] }
      JOBS {
        jetstream: enabled
        users: [
          { user: ann, password: p, permissions: ${permissions("default", ["default"])} }
          { user: watcher, password: w }
        ]
      }
    }
    system_account: SYS`;
  await using server = await startNatsServer({ config });
  const credentials = { kind: "password", user: "watcher", password: "w" } as const;
  await using queue = watchQueue(server.address, { credentials });
  const passwordFile = `${folder.path}/password`;
  Deno.writeTextFileSync(passwordFile, "p");
  const env = { JOBRUNNER_NATS_USER: "ann", JOBRUNNER_NATS_PASSWORD_FILE: passwordFile };
  await using front = await startSteadyMember(server.address, { name: "front", env });
  await using executor = await startSteadyMember(server.address, {
    name: "executor",
    workers: 1,
    env,
  });
  await queue.hasRoomFor(21);
  const large = `:\n${"#".repeat(3_000_000)}\ncat "$JOBRUNNER_REQUEST_DATA_FN"`;
  const answer = await postRun(front.url, large, { target: "?answer=output" });
  assert.equal(answer.text, large);
  const live = await openLive(front.url, "/run", heldScript(folder.path, "a"));
  await live.until("started");
  const leaving = new AbortController();
  const waiting = post(front.url, "true", { signal: leaving.signal });
  await queue.holds(2);
  leaving.abort();
  await assert.rejects(waiting);
  await queue.holds(1);
  await live.leave();
  await queue.holds(0);
  assert.equal(await executor.stop(), 0);
  assert.equal(await front.stop(), 0);
  const trouble = [...front.log, ...executor.log].filter((line) =>
    /the user may not use|cannot be shared/.test(line)
  );
  assert.deepEqual(trouble, []);
});
