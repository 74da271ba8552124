/**
 * Small jobs beside many clients with payloads of some MiB: no client should have to wait for the
 * bytes of others.
 *
 * @module
 */

import { figure, megabyte } from "../figure.ts";
import { runLoad } from "../load_process.ts";
import type { BesidePlan, BesideResult } from "../loads/beside.ts";
import type { PayloadsPlan, PayloadsResult } from "../loads/payloads.ts";
import { meterOf } from "../proc.ts";
import type { Scenario } from "../scenario.ts";
import { echo, writeScript } from "../script.ts";
import { startServer } from "../server.ts";

const largeClients = 16;
const largeBytes = 4 * 2 ** 20;
const smallBytes = 1024;
const pauseMs = 10;

/** `beside`. */
export const beside: Scenario = {
  name: "beside",
  async run({ settings: { seconds, workers }, folder, signal, say }) {
    const command = writeScript(folder, echo);
    // Every client but those whose jobs run may wait: nothing is refused.
    const queueLimit = largeClients + 1;
    await using server = await startServer({ command, workers, queueLimit, folder }, signal);
    const meter = await meterOf(server.pid, signal);
    say(`${seconds} s`);
    const failure = new AbortController();
    const options = { expectedSec: seconds, signal: AbortSignal.any([signal, failure.signal]) };
    // Two processes, so that the small client never waits for what the large ones do.
    const loads = [
      runLoad<PayloadsPlan, PayloadsResult>("payloads", server, {
        bytes: largeBytes,
        clients: largeClients,
        until: { seconds },
      }, options),
      runLoad<BesidePlan, BesideResult>("beside", server, {
        bytes: smallBytes,
        seconds,
        pauseMs,
      }, options),
    ] as const;
    for (const load of loads) load.catch((error) => failure.abort(error));
    await Promise.allSettled(loads);
    const [large, small] = await Promise.all(loads);
    const peakBytes = meter.peakBytes();
    await server.stop();
    const { added, total } = small;
    return {
      setup: `1 KiB beside ${largeClients} clients × ${largeBytes / 2 ** 20} MiB, echoed, for ` +
        `${seconds} s, ${workers} workers, queue ${queueLimit}; ` +
        "added: total minus queued_sec minus elapsed_sec",
      figures: [
        ...figure({ name: "addedP50Ms", label: "1 KiB, added p50, ms", digits: 1 }, [added.p50Ms]),
        ...figure({ name: "addedP99Ms", label: "1 KiB, added p99, ms", digits: 1 }, [added.p99Ms]),
        ...figure({
          name: "addedMaxMs",
          label: "1 KiB, added max, ms",
          digits: 1,
          goal: { atMost: 100 },
        }, [added.maxMs]),
        ...figure({ name: "totalP50Ms", label: "1 KiB, total p50, ms", digits: 1 }, [total.p50Ms]),
        ...figure({ name: "totalP99Ms", label: "1 KiB, total p99, ms", digits: 1 }, [total.p99Ms]),
        ...figure({ name: "totalMaxMs", label: "1 KiB, total max, ms", digits: 1 }, [total.maxMs]),
        ...figure({ name: "smallRequests", label: "1 KiB, requests", digits: 0 }, [small.requests]),
        ...figure(
          { name: "largeRequests", label: "4 MiB, requests", digits: 0 },
          [large.milliseconds.length],
        ),
        ...figure(
          { name: "peakMb", label: "server's peak memory, MB", digits: 1 },
          [peakBytes === undefined ? undefined : peakBytes / megabyte],
        ),
      ],
      leftOut: meter.missing,
      details: {
        small,
        large: { seconds: large.seconds, clientCpuMs: large.clientCpuMs },
      },
    };
  },
};
