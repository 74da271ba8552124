/**
 * A large payload, echoed: how long it takes and what memory it needs.
 *
 * @module
 */

import { figure, megabyte } from "../figure.ts";
import { runLoad } from "../load_process.ts";
import type { PayloadsPlan, PayloadsResult } from "../loads/payloads.ts";
import { meterOf } from "../proc.ts";
import type { Scenario } from "../scenario.ts";
import { echo, writeScript } from "../script.ts";
import { startServer } from "../server.ts";

/** `payload`. Its server runs nothing else, so that its peak is that of these requests. */
export const largePayload: Scenario = {
  name: "payload",
  async run({ settings, folder, signal, say }) {
    const { payloadBytes: bytes, payloads, workers } = settings;
    const command = writeScript(folder, echo);
    await using server = await startServer({ command, workers, queueLimit: 1, folder }, signal);
    const meter = await meterOf(server.pid, signal);
    say(`${payloads} requests`);
    const plan = { bytes, clients: 1, until: { requests: payloads } };
    const options = { expectedSec: payloads * 5, signal };
    const result = await runLoad<PayloadsPlan, PayloadsResult>("payloads", server, plan, options);
    const peakBytes = meter.peakBytes();
    await server.stop();
    const mebibytes = bytes / 2 ** 20;
    return {
      setup: `${mebibytes.toFixed(0)} MiB echoed through the response file, ${payloads} requests ` +
        "one after the other, first byte sent to last byte received",
      figures: [
        ...figure(
          { name: "seconds", label: "one request, s", digits: 2, goal: { atMost: 0.8 } },
          result.milliseconds.map((milliseconds) => milliseconds / 1000),
        ),
        ...figure(
          {
            name: "peakPerPayload",
            label: "server's peak memory / payload",
            digits: 2,
            goal: { atMost: 4 },
          },
          [peakBytes === undefined ? undefined : peakBytes / bytes],
        ),
        ...figure(
          { name: "peakMb", label: "server's peak memory, MB", digits: 1 },
          [peakBytes === undefined ? undefined : peakBytes / megabyte],
        ),
      ],
      leftOut: meter.missing,
      details: result,
    };
  },
};
