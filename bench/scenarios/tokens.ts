/**
 * Small jobs of clients that each have a token, beside the same without tokens: what the tokens and the fair queue
 * cost the server.
 *
 * @module
 */

import { measureRound, smallJob, warmUp } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { startServer } from "../server.ts";
import { tokenFigures, type TokensRound } from "../token_figures.ts";
import { writeTokens } from "../tokens.ts";
import { perTurn, takeTurns } from "../turns.ts";

/** Tokens, and clients: each has one. */
const clients = 10;

/**
 * How often either server has its turn in a round. Even, so that each is first as often; many, because rounds in turns of
 * some hundred jobs differ least.
 */
const turns = 24;

/** `tokens`. */
export const tokens: Scenario = {
  name: "tokens",
  async run(bench) {
    const { settings, program, say } = bench;
    const { rounds: count, jobs, workers } = settings;
    const rounds: TokensRound[] = [];
    const missing = new Set<string>();
    for (const [index, jobsOfTurns] of perTurn(jobs, { rounds: count, turns }).entries()) {
      say(`round ${index + 1} of ${count}: ${clients} clients`);
      const first = index % 2 === 0 ? "open" : "tokens";
      const { round, missing: more } = await measureServers(bench, { first, jobsOfTurns });
      rounds.push(round);
      for (const sentence of more) missing.add(sentence);
    }
    return {
      setup:
        `${program}, ${workers} workers; two servers in alternating turns, each with ${jobs} jobs of ` +
        `${clients} clients in ${count} rounds, new servers in each; tokens: one for each client`,
      figures: tokenFigures(rounds),
      leftOut: [...missing],
      details: rounds,
    };
  },
};

/**
 * New servers in each round, because what a job costs depends a little on chance at a server's start. The order of the
 * starts alternates.
 */
async function measureServers(
  { settings, program: command, folder, signal }: Bench,
  { first, jobsOfTurns }: {
    readonly first: keyof TokensRound;
    readonly jobsOfTurns: readonly number[];
  },
): Promise<{ readonly round: TokensRound; readonly missing: readonly string[] }> {
  const { workers } = settings;
  const names = Array.from({ length: clients }, (_, index) => [`client${index}`, ""]);
  const { file, texts } = writeTokens(folder, Object.fromEntries(names));
  await using servers = new AsyncDisposableStack();

  async function start(name: keyof TokensRound) {
    // No more can ever wait, so a refusal would be an error of the server.
    const options = { command, workers, queueLimit: clients, folder };
    const withTokens = name === "tokens";
    const server = servers.use(
      await startServer(withTokens ? { ...options, tokensFile: file } : options, signal),
    );
    const load = { clients, tokens: withTokens ? texts : [] };
    return { server, load, instruments: await warmUp(server, load, signal) };
  }

  const early = await start(first);
  const late = await start(first === "open" ? "tokens" : "open");
  const sides = first === "open" ? { open: early, tokens: late } : { open: late, tokens: early };
  const round = await takeTurns(sides, jobsOfTurns, ({ instruments, load }, jobs) => {
    return measureRound(instruments, { ...smallJob, ...load, jobs, threads: workers }, signal);
  });
  for (const { server } of [early, late]) await server.stop();
  return { round, missing: early.instruments.meter.missing };
}
