import { createMemoryServer, type MemoryServer } from "../support/memory_link.ts";
import {
  type BreakableLinks,
  type LinkBody,
  testBrokenLink,
  testLink,
} from "../support/link_suite.ts";
import { createVirtualClock } from "../support/virtual_clock.ts";

const body: LinkBody<BreakableLinks> = {
  name: "memory link",
  ackWaitMs: 5000,
  open() {
    const clock = createVirtualClock();
    const server: MemoryServer = createMemoryServer(clock);
    return {
      connect: () => Promise.resolve(server.connect()),
      pass: clock.pass,
      cut: server.cut,
      mend: server.mend,
      restart() {
        server.stop();
        server.start();
      },
      [Symbol.asyncDispose]() {
        server[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  },
};

testLink(body);
testBrokenLink(body);
