import assert from "node:assert/strict";
import { monotonicMicroseconds } from "../../src/machine/monotonic.ts";
import { openNotifier } from "../../src/supervisor/notifier.ts";
import { temporaryFolder } from "../support/folder.ts";

const log = {
  write: (message: string) => assert.fail(message),
  flush: () => Promise.resolve(),
};

/** A service manager's socket, and a notifier that sends to it. */
function setUp(clock?: () => bigint) {
  const folder = temporaryFolder();
  const path = `${folder.path}/notify`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  return {
    notifier: openNotifier({ NOTIFY_SOCKET: path }, log, clock),
    async received(): Promise<string> {
      const [bytes] = await socket.receive();
      return new TextDecoder().decode(bytes);
    },
    [Symbol.dispose]() {
      socket.close();
      folder[Symbol.dispose]();
    },
  };
}

const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test(
  "reloading() sends the kernel's monotonic time, and ready() may follow",
  onLinux,
  async () => {
    using manager = setUp();
    const before = monotonicMicroseconds();
    manager.notifier.reloading();
    const [, time = ""] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(await manager.received()) ??
      [];
    assert.ok(BigInt(time) >= before && BigInt(time) <= monotonicMicroseconds(), time);
    manager.notifier.ready("configuration reloaded");
    assert.equal(await manager.received(), "READY=1\nSTATUS=configuration reloaded");
    await manager.notifier.flush();
  },
);

Deno.test("reloading() is sent without a time if the clock cannot be read", onLinux, async () => {
  using manager = setUp(() => {
    throw new Error("no C library");
  });
  manager.notifier.reloading();
  assert.equal(await manager.received(), "RELOADING=1");
  await manager.notifier.flush();
});

Deno.test("openNotifier() without NOTIFY_SOCKET notifies nobody", async () => {
  const notifier = openNotifier({}, log, () => assert.fail("no clock is needed"));
  notifier.reloading();
  notifier.ready("configuration reloaded");
  await notifier.flush();
});
