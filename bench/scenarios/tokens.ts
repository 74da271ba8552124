/**
 * Small jobs of clients that each have a token, beside the same without tokens: what the tokens and the fair queue
 * cost the server.
 *
 * @module
 */

import { measureRound, smallJob, warmUp } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { type Server, startServer } from "../server.ts";
import { tokenFigures, type TokensRound } from "../token_figures.ts";
import { writeTokens } from "../tokens.ts";
import { perTurn, takeTurns } from "../turns.ts";

/** Tokens, and clients: each has one. */
const clients = 10;

/** How often either server has its turn in a round. Even, so that each is first as often. */
const turns = 24;

/** `tokens`. */
export const tokens: Scenario = {
  name: "tokens",
  async run(bench) {
    const { settings, program, say } = bench;
    const { rounds: count, jobs, workers } = settings;
    const rounds: TokensRound[] = [];
    const missing = new Set<string>();
    for (const jobsOfTurns of perTurn(jobs, { rounds: count, turns })) {
      say(`round ${rounds.length + 1} of ${count}: ${clients} clients`);
      const { round, missing: more } = await measureServers(bench, jobsOfTurns);
      rounds.push(round);
      for (const sentence of more) missing.add(sentence);
    }
    return {
      setup:
        `${program}, ${workers} workers; two servers in alternating turns, new ones in each of ` +
        `${count} rounds, each with ${jobs} jobs of ${clients} clients; tokens: one for each client`,
      figures: tokenFigures(rounds),
      leftOut: [...missing],
      details: rounds,
    };
  },
};

/** New servers in each round, because what a job costs depends a little on chance at a server's start. */
async function measureServers(
  { settings, program: command, folder, signal }: Bench,
  jobsOfTurns: readonly number[],
): Promise<{ readonly round: TokensRound; readonly missing: readonly string[] }> {
  const { workers } = settings;
  const names = Array.from({ length: clients }, (_, index) => [`client${index}`, ""]);
  const { file, texts } = writeTokens(folder, Object.fromEntries(names));
  // No more can ever wait, so a refusal would be an error of the server.
  const options = { command, workers, queueLimit: clients, folder };
  await using open = await startServer(options, signal);
  await using byToken = await startServer({ ...options, tokensFile: file }, signal);
  const sideOf = async (server: Server, tokens: readonly string[]) => ({
    instruments: await warmUp(server, { clients, tokens }, signal),
    tokens,
  });
  const sides = { open: await sideOf(open, []), tokens: await sideOf(byToken, texts) };
  const round = await takeTurns(sides, jobsOfTurns, ({ instruments, tokens }, jobs) => {
    const plan = { ...smallJob, jobs, clients, tokens, threads: workers };
    return measureRound(instruments, plan, signal);
  });
  for (const server of [open, byToken]) await server.stop();
  return { round, missing: sides.open.instruments.meter.missing };
}
