import assert from "node:assert/strict";
import { commandEnd, endingOf, pipesEnd, stdinEnd } from "../../src/exec/ending.ts";
import { createScratch, type Pipe, readPipe } from "../../src/exec/pipe.ts";
import { createStop } from "../../src/jobs/stop.ts";

const exited = { code: 3, success: false, signal: null };
const killed = { code: 137, success: false, signal: "SIGKILL" as const };

Deno.test("commandEnd() kills nothing when the command exits by itself, after which no cause counts", async () => {
  const stop = createStop();
  const status = await commandEnd(
    { status: Promise.resolve(exited) },
    stop,
    () => assert.fail("no tree is to be killed"),
  );
  assert.deepEqual(endingOf(status, stop.cause), { kind: "exited", exitStatus: 3 });
  stop.request("canceled");
  assert.equal(stop.cause, undefined);
});

Deno.test("commandEnd() waits after a cause until the whole process tree is gone", async () => {
  const stop = createStop();
  const status = Promise.withResolvers<Deno.CommandStatus>();
  const tree = Promise.withResolvers<void>();
  let over = false;
  const end = commandEnd({ status: status.promise }, stop, () => tree.promise).then((status) => {
    over = true;
    return status;
  });
  stop.request("timed_out");
  stop.request("shutdown");
  assert.equal(stop.cause, "timed_out", "the first cause wins");
  status.resolve(killed);
  await status.promise;
  await Promise.resolve();
  assert.equal(over, false, "a grandchild is still there");
  tree.resolve();
  assert.deepEqual(endingOf(await end, stop.cause), {
    kind: "timed_out",
    exitStatus: 124,
    signal: "SIGKILL",
  });
});

Deno.test("commandEnd() kills the command at once for a cause that was there before it", async () => {
  const stop = createStop();
  stop.request("canceled");
  const status = Promise.withResolvers<Deno.CommandStatus>();
  await commandEnd({ status: status.promise }, stop, () => {
    status.resolve(killed);
    return Promise.resolve();
  });
  assert.equal(stop.cause, "canceled");
});

Deno.test("commandEnd() rejects with the error of killing the tree, whether the command ends before or after it", async () => {
  const failure = new Error("main has gone");
  for (const isFirst of [true, false]) {
    const stop = createStop();
    const status = Promise.withResolvers<Deno.CommandStatus>();
    const tree = Promise.withResolvers<void>();
    const end = commandEnd({ status: status.promise }, stop, () => tree.promise);
    stop.request("timed_out");
    if (isFirst) status.resolve(killed);
    await Promise.resolve();
    tree.reject(failure);
    await assert.rejects(end, failure);
    status.resolve(killed);
    await status.promise;
  }
});

Deno.test("commandEnd() waits no longer than a moment for a status, which may still come later", async () => {
  const stop = createStop();
  const status = Promise.withResolvers<Deno.CommandStatus>();
  const end = commandEnd({ status: status.promise }, stop, () => Promise.resolve());
  stop.request("timed_out");
  assert.equal(await end, undefined);
  status.resolve(killed);
  await status.promise;
  assert.equal(stop.cause, "timed_out");
});

Deno.test("endingOf() reports a command that could not be killed as killed by SIGKILL", async () => {
  const stop = createStop();
  stop.request("shutdown");
  const status = await commandEnd(
    { status: new Promise<never>(() => {}) },
    stop,
    () => Promise.resolve(),
  );
  assert.deepEqual(endingOf(status, stop.cause), {
    kind: "shutdown",
    exitStatus: 137,
    signal: "SIGKILL",
  });
});

Deno.test("pipesEnd() does not wait for ended pipes, and stops a held one after it has read what was in it", async () => {
  const open = (bytes: number, close: boolean) =>
    readPipe(
      new ReadableStream({
        type: "bytes",
        pull(controller) {
          if (bytes > 0) controller.enqueue(new Uint8Array(Math.min(bytes, 1000)));
          else if (!close) return new Promise<void>(() => {});
          else {
            controller.close();
            controller.byobRequest?.respond(0);
          }
          bytes -= 1000;
          return undefined;
        },
      }),
      createScratch(),
      () => {},
    );
  await pipesEnd([open(5000, true), open(0, true)], () => assert.fail("no process holds them"));
  const held = open(500_000, false);
  let looked = false;
  await pipesEnd([held, open(0, true)], () => {
    looked = true;
    return Promise.resolve();
  });
  assert.ok(looked);
  assert.equal(held.seen, 500_000);
});

Deno.test("pipesEnd() resolves when a pipe that it stopped has passed on its last piece", async () => {
  const done = Promise.withResolvers<void>();
  const events: string[] = [];
  const held: Pipe = {
    done: done.promise,
    ended: false,
    seen: 0,
    held: false,
    stop: () =>
      void setTimeout(() => {
        events.push("last piece");
        done.resolve();
      }),
  };
  await pipesEnd([held], () => Promise.resolve(void events.push("looked at")));
  events.push("over");
  assert.deepEqual(events, ["looked at", "last piece", "over"]);
});

/** A copy into a standard input that ends when `done` resolves. */
function copyOf(done: Promise<void>) {
  const copy = {
    stopped: false,
    ended: false,
    failure: undefined,
    stop: () => void (copy.stopped = true),
    done,
  };
  void done.then(() => copy.ended = true);
  return copy;
}

Deno.test("stdinEnd() stops a copy and has nobody killed if it ends in time", async () => {
  const done = Promise.withResolvers<void>();
  const copy = copyOf(done.promise);
  const end = stdinEnd(copy, () => assert.fail("nobody is to be killed"));
  assert.ok(copy.stopped);
  done.resolve();
  await end;
  await stdinEnd(copy, () => assert.fail("nobody is to be killed"));
});

Deno.test("stdinEnd() has the processes killed that hold up the last write", async () => {
  const done = Promise.withResolvers<void>();
  const copy = copyOf(done.promise);
  await stdinEnd(copy, () => Promise.resolve(done.resolve()));
  await done.promise;
  assert.ok(copy.stopped);
});

Deno.test("pipesEnd() waits for a listener that is slower than the grace, and then for what is still in the pipe", async () => {
  const done = Promise.withResolvers<void>();
  let asked = 0;
  // It is held when it is asked first; its next piece arrives one interval later, and its end after that.
  const slow: Pipe = {
    done: done.promise,
    ended: false,
    seen: 0,
    get held() {
      asked++;
      if (asked === 2) setTimeout(() => Object.assign(slow, { seen: 1 }));
      if (asked > 3) {
        Object.assign(slow, { ended: true });
        done.resolve();
      }
      return asked === 1;
    },
    stop: () => assert.fail("it is read to its end"),
  };
  await pipesEnd([slow], () => assert.fail("no process holds it"));
  assert.equal(slow.seen, 1);
});

Deno.test("pipesEnd() waits as long as a listener takes", async () => {
  const done = Promise.withResolvers<void>();
  let asked = 0;
  const slow: Pipe = {
    done: done.promise,
    ended: false,
    seen: 0,
    get held() {
      if (asked++ > 10) {
        Object.assign(slow, { ended: true });
        done.resolve();
      }
      return true;
    },
    stop: () => assert.fail("it is read to its end"),
  };
  await pipesEnd([slow], () => assert.fail("no process holds it"));
});
