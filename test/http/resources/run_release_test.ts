import assert from "node:assert/strict";
import { diskShare } from "../../support/inbox.ts";
import { ranOf } from "../../support/jobs.ts";
import { notLive, type Setup, setUp } from "../../support/routes.ts";
import { nextTurn } from "../../support/turn.ts";

/** A request for a job that ends in some way. */
interface End {
  readonly what: string;
  readonly setup?: Setup;
  readonly accept?: string;
  readonly body?: () => BodyInit;
  readonly status: number;
}

const bug = () => {
  throw new Error("a bug");
};

const live = "application/x-ndjson";

const broken = () => new ReadableStream({ pull: (it) => it.error(new Error("broken")) });

/** Ways in which a request for a job ends. */
const ends: readonly End[] = [
  { what: "its job ran", status: 200 },
  { what: "its listener got all events", accept: live, status: 200 },
  { what: "its body breaks off", body: broken, status: 400 },
  { what: "the body of a listener breaks off", body: broken, accept: live, status: 400 },
  { what: "the queue has a bug", setup: { reserve: bug }, status: 500 },
  {
    what: "the queue has a bug for a listener",
    setup: { reserve: bug },
    accept: live,
    status: 500,
  },
  { what: "its place has a bug", setup: { submit: bug }, status: 500 },
  {
    what: "its outcome is a bug",
    setup: { submit: () => Promise.reject(new Error("a bug")) },
    status: 500,
  },
  { what: "the watch of its client has a bug", setup: { watch: bug }, status: 500 },
];

for (const { what, setup, accept = "*/*", body = () => "hello", status } of ends) {
  Deno.test(`POST /run and POST /payload release everything when ${what}`, async () => {
    for (const path of ["/run", "/payload"]) {
      const disk = diskShare();
      const submit: Setup["submit"] = (spec) => Promise.resolve(ranOf(spec));
      const { fetch, doors, held, activity } = setUp({ submit, ...setup, disk });
      const { promise: completed, resolve: handedOver } = Promise.withResolvers<void>();
      const json = JSON.stringify({ id: "a", data: "aGVsbG8=" });
      const request = new Request(`http://localhost${path}`, {
        method: "POST",
        body: path === "/payload" && body() === "hello" ? json : body(),
        headers: { accept },
      });
      const answer = await fetch(request, { completed });
      assert.equal(answer.status, status, await answer.text());
      handedOver();
      await nextTurn();
      assert.deepEqual(doors, { opened: 1, released: 1 });
      assert.deepEqual([disk.taken, held(), notLive.listeners, activity.active], [0, 0, 0, 0]);
    }
  });
}
