/**
 * Another server under the same clients, so that it can be compared with this one.
 *
 * @module
 */

import { BenchFailure } from "../failure.ts";
import type { Target } from "../load_process.ts";
import { measureRound, type Round, runJobs, smallJob, throughputFigures } from "../round.ts";
import type { Scenario } from "../scenario.ts";
import { perRound, type Settings, warmUpJobs } from "../settings.ts";

/** `other`; it takes `BENCH_URL`. */
export const otherServer: Scenario = {
  name: "other",
  async run({ settings, floor, signal, say }) {
    const { workers, clients } = settings;
    const { target, plan } = otherTarget(settings);
    await runJobs(target, { ...plan, jobs: warmUpJobs, clients }, signal);
    const rounds: Round[] = [];
    for (const jobs of perRound(settings.jobs, settings.rounds)) {
      say(`round ${rounds.length + 1} of ${settings.rounds}: ${jobs} requests`);
      const roundPlan = { ...plan, jobs, clients, threads: workers };
      rounds.push(await measureRound({ target, meter: undefined, floor }, roundPlan, signal));
    }
    return {
      setup: `${settings.url}, POST ${plan.path}, ${clients} clients, ${settings.jobs} requests ` +
        `in ${settings.rounds} rounds; any 2xx counts`,
      figures: throughputFigures(rounds),
      details: rounds,
    };
  },
};

/**
 * Where another server listens and what it is sent. Throws a `BenchFailure` for an address outside
 * of loopback: no other machine is put under load.
 */
export function otherTarget({ url: text, path, body }: Settings) {
  if (text === undefined) throw new BenchFailure("BENCH_URL is not set: it names the other server");
  const url = URL.parse(text);
  const address = url?.protocol === "http:" ? loopbackAddress(url.hostname) : undefined;
  if (!url || address === undefined) {
    throw new BenchFailure(
      `BENCH_URL=${text}: must be http:// and an address of loopback: 127.…, [::1] or localhost`,
    );
  }
  if (path !== undefined && !path.startsWith("/")) {
    throw new BenchFailure(`BENCH_PATH=${path}: must begin with a slash`);
  }
  const target: Target = {
    address: { hostname: address, port: Number(url.port || 80) },
    logTail: () => undefined,
  };
  return {
    target,
    plan: {
      path: path ?? url.pathname + url.search,
      body: body === undefined ? smallJob.body : textOf(body),
      right: "2xx",
    },
  } as const;
}

/** An IP address, since a name could be any machine's. URL.parse() writes every IPv4 address as four numbers. */
function loopbackAddress(hostname: string): string | undefined {
  if (hostname === "localhost") return "127.0.0.1";
  if (hostname === "[::1]") return "::1";
  return /^127\.\d+\.\d+\.\d+$/.test(hostname) ? hostname : undefined;
}

/** The file of that name, or else the text itself. */
function textOf(body: string): string {
  try {
    return Deno.readTextFileSync(body);
  } catch {
    // A body is not the name of a file, and may be too long or malformed for one.
    return body;
  }
}
