/**
 * A large file up and down through `POST /run`, beside nginx with the same file on the same disk.
 *
 * @module
 */

import { join } from "node:path";
import { outputOf } from "../command.ts";
import { figure, type FigureRow, megabyte } from "../figure.ts";
import { runLoad, type Target } from "../load_process.ts";
import type { TransferPlan, TransferResult } from "../loads/transfer.ts";
import { type Nginx, startNginx } from "../nginx.ts";
import { meterOf } from "../proc.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { quoted, writeScript } from "../script.ts";
import { type Server, startServer } from "../server.ts";
import { percentile } from "../statistics.ts";
import { watchStatus } from "../watch.ts";

/** Names of the files that nginx sends and receives. */
const source = "down";
const target = "up";

/** One transfer. */
interface Transfer {
  readonly megabytesPerSec: number;
  readonly clientCpuMs: number;
  /** Of each `/status` meanwhile. */
  readonly statusMs: readonly number[];
}

/** The transfers of one round; those of nginx are undefined without one. */
interface Round {
  readonly up: Transfer;
  readonly down: Transfer;
  readonly nginxUp: Transfer | undefined;
  readonly nginxDown: Transfer | undefined;
}

/** `bytes`. */
export const bytes: Scenario = {
  name: "bytes",
  async run(bench) {
    const { settings, folder, signal, say } = bench;
    const files = join(folder, "files");
    Deno.mkdirSync(files);
    await using server = await startServer({
      command: command(bench, files),
      workers: settings.workers,
      queueLimit: 1,
      folder,
    }, signal);
    const started = await startNginx({ folder, files }, signal);
    await using nginx = "missing" in started ? undefined : started;
    const meter = await meterOf(server.pid, signal);
    const rounds: Round[] = [];
    while (rounds.length < settings.rounds) {
      say(`round ${rounds.length + 1} of ${settings.rounds}: ${settings.bytes} bytes up and down`);
      rounds.push(await oneRound(bench, { server, nginx, files }));
    }
    const peakBytes = meter.peakBytes();
    await server.stop();
    return {
      setup: `${settings.bytes / 2 ** 20} MiB, one client, ${settings.rounds} rounds; up: the ` +
        "command only looks at the length, down: it moves the file into its response; " +
        "nginx: PUT, and GET with sendfile",
      figures: [
        ...direction("up", "PUT", rounds.map(({ up, nginxUp }) => [up, nginxUp])),
        ...direction("down", "GET", rounds.map(({ down, nginxDown }) => [down, nginxDown])),
        ...figure(
          { name: "peakMb", label: "server's peak memory, MB", digits: 1, goal: { atMost: 160 } },
          [peakBytes === undefined ? undefined : peakBytes / megabyte],
        ),
      ],
      leftOut: [
        ...meter.missing,
        ...("missing" in started ? [`nginx beside POST /run: ${started.missing}`] : []),
      ],
      details: rounds,
    };
  },
};

/** Writes a file of random bytes, as the client sends them. */
async function writeFile(path: string, length: number): Promise<void> {
  using file = Deno.createSync(path);
  const piece = new Uint8Array(2 ** 20);
  for (let at = 0; at < piece.length; at += 65_536) {
    crypto.getRandomValues(piece.subarray(at, at + 65_536));
  }
  for (let left = length; left > 0;) left -= await file.write(piece.subarray(0, left));
}

/** A command that costs nothing: it checks what came up, or moves what goes down. */
function command({ settings, folder }: Bench, files: string): string {
  const file = quoted(join(files, source));
  return writeScript(folder, {
    name: "transfer",
    lines: [
      'if [ "$JOBRUNNER_QUERY_STRING" = down ]; then',
      `exec mv -f ${file} "$JOBRUNNER_RESPONSE_DATA_FN"`,
      "fi",
      `[ "$(wc -c <"$JOBRUNNER_REQUEST_DATA_FN")" -eq ${settings.bytes} ]`,
    ],
  });
}

async function oneRound(
  { settings, signal }: Bench,
  { server, nginx, files }: { server: Server; nginx: Nginx | undefined; files: string },
): Promise<Round> {
  const { bytes } = settings;
  const transferTo = async (to: Target, plan: Omit<TransferPlan, "address">) => {
    // What the transfer before has left for the disk to do does not slow this one.
    await outputOf("sync", [], signal);
    const load = runLoad<TransferPlan, TransferResult>("transfer", to, plan, {
      expectedSec: bytes / (100 * megabyte),
      signal,
    });
    const { result, milliseconds } = await watchStatus(server, load);
    return {
      megabytesPerSec: bytes / megabyte / result.seconds,
      clientCpuMs: result.clientCpuMs,
      statusMs: milliseconds,
    };
  };
  const put = { method: "PUT", path: `/${target}`, send: bytes, receive: 0 } as const;
  const nginxUp = nginx && await transferTo(nginx, put);
  if (nginx) Deno.removeSync(join(files, target));
  const up = await transferTo(server, { ...put, method: "POST", path: "/run" });
  await writeFile(join(files, source), bytes);
  const get = { method: "GET", path: `/${source}`, send: 0, receive: bytes } as const;
  const nginxDown = nginx && await transferTo(nginx, get);
  const down = await transferTo(server, { ...get, method: "POST", path: "/run?down" });
  return { up, down, nginxUp, nginxDown };
}

/** The figures of one direction, from the transfers through us and through nginx. */
function direction(
  name: "up" | "down",
  method: "PUT" | "GET",
  pairs: readonly (readonly [Transfer, Transfer | undefined])[],
) {
  const row = (suffix: string, label: string, more: Partial<FigureRow> = {}): FigureRow => ({
    name: `${name}${suffix}`,
    label: `${name}, ${label}`,
    digits: 0,
    ...more,
  });
  const statusMs = pairs.flatMap(([own]) => own.statusMs).toSorted((a, b) => a - b);
  return [
    ...figure(
      row("NginxMbPerSec", `nginx's ${method}, MB/s`),
      pairs.map(([, nginx]) => nginx?.megabytesPerSec),
    ),
    ...figure(row("MbPerSec", "POST /run, MB/s"), pairs.map(([own]) => own.megabytesPerSec)),
    ...figure(
      row("Share", "share of nginx", { digits: 2, goal: { atLeast: 0.5 } }),
      pairs.map(([own, nginx]) => nginx && own.megabytesPerSec / nginx.megabytesPerSec),
    ),
    ...figure(
      row("StatusP99Ms", "GET /status p99, ms", { digits: 1, goal: { atMost: 50 } }),
      [percentile(statusMs, 0.99)],
    ),
    ...figure(row("StatusMaxMs", "GET /status max, ms", { digits: 1 }), [statusMs.at(-1)]),
  ];
}
