import assert from "node:assert/strict";
import { read, start } from "../support/app.ts";

Deno.test("startWork() has its host repair the spool; a spool that stays damaged is logged and answered with 500", async () => {
  let asked = 0;
  await using started = await start({}, {
    repair: () => Promise.resolve(`no room, ${++asked}`),
  });
  const { post, lines, spool } = started;
  const [status, result] = await read(post(`rm -rf ${spool}`));
  assert.equal(status, 200);
  assert.match(String(result["message"]), /the server's folder is damaged/);
  const left = lines.find(([message]) => message === "a job's files could not be removed");
  assert.match(String(left?.[1]?.["exception.message"]), /no room/);
  assert.equal((await read(post("echo")))[0], 500);
  const refused = lines.find(([message]) => message === "job could not be run");
  assert.match(String(refused?.[1]?.["reason"]), /no room/);
  Deno.mkdirSync(spool);
});

Deno.test("startWork() has its host repair the launcher; one that stays missing is logged and answered with 503", async () => {
  const missing = { path: "/no/such/launcher", word: "word", holdsAll: true };
  await using started = await start({}, { repair: () => Promise.resolve("no launcher") }, {
    launcher: missing,
  });
  assert.equal((await read(started.post("echo")))[0], 503);
  assert.match(String(started.lines[0]?.[1]?.["reason"]), /launcher.*: no launcher$/);
});
