import assert from "node:assert/strict";
import { heldBy, read, start } from "../support/app.ts";
import { base64, postInTwoParts, scrape, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { nextTurn } from "../support/turn.ts";

/** Some turns of the event loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/** Posts a job whose answer is more than a socket holds, and reads nothing of it. */
function postUnread(url: string): Promise<Deno.TcpConn> {
  return postInTwoParts(url, { id: "a", data: base64("head -c 20000000 /dev/zero") });
}

const givenUpMessage = "gave up on an unread response";

Deno.test("drain() of an app finishes the jobs of disconnected clients while /status reports draining", async () => {
  using folder = temporaryFolder();
  const gone = new AbortController();
  await using started = await start({ JOBRUNNER_ON_DISCONNECT: "finish" }, {
    find_gone: (clients) => clients.map(() => gone.signal.aborted),
  });
  using held = heldBy(folder.path);
  const { script, release } = held;
  const { app, post, logged, lines } = started;
  const answer = post(script, gone.signal).catch(() => {});
  await logged("job started");
  gone.abort();
  await answer;
  const drained = app.drain();
  await settled();
  assert.equal((await statusOf(app.url)).state, "draining");
  release();
  await drained;
  assert.equal(lines.at(-1)?.[1]?.["outcome"], "success");
});

Deno.test("cut() of an app admits nothing more and refuses unfinished uploads", async () => {
  await using started = await start();
  const { app } = started;
  const upload = read(fetch(`${app.url}/payload`, {
    method: "POST",
    body: new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":')),
    }),
  }));
  while ((await statusOf(app.url)).buffered.bodies === 0);
  assert.deepEqual(app.cut(), { running: 0, waiting: 0 });
  assert.equal((await upload)[0], 503);
  assert.equal((await statusOf(app.url)).state, "draining");
});

Deno.test("cut() of an app gives up an unread answer, and drain() counts it", async () => {
  await using started = await start();
  const { app, logged, lines } = started;
  using _client = await postUnread(app.url);
  await logged("job ended");
  const drained = app.drain();
  app.cut();
  await logged(givenUpMessage);
  assert.equal(lines.at(-1)?.[1]?.["cause"], "shutdown");
  assert.equal(await drained, 1);
  assert.ok(!lines.some(([message]) => message === "a response could not be completed"));
});

Deno.test("JOBRUNNER_ANSWER_TIMEOUT_SEC gives up an unread answer, which drain() does not count", async () => {
  await using started = await start({ JOBRUNNER_ANSWER_TIMEOUT_SEC: "0.1" });
  const { app, logged, lines } = started;
  using _client = await postUnread(app.url);
  await logged(givenUpMessage);
  assert.equal(lines.at(-1)?.[1]?.["cause"], "answer_timeout");
  assert.equal((await scrape(app.url)).get("jobrunner_answers_given_up_total"), 1);
  assert.equal(await app.drain(), 0);
});
