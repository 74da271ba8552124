/**
 * The real program as one machine of a group that shares a queue over a real nats-server.
 *
 * @module
 */

import type { Link } from "../../src/cluster/link.ts";
import type { LinkSettings } from "../../src/cluster/nats.ts";
import { streamOf } from "../../src/cluster/names.ts";
import { openReportingLink } from "./nats_links.ts";
import { eventually } from "./processes.ts";
import { fixture, type Program, type ProgramOptions, startProgram } from "./program.ts";

/** How a machine is to be. */
export interface MemberOptions extends Omit<ProgramOptions, "signal"> {
  /** Its name: that of its host, which it has for itself. */
  readonly name: string;
  /** Number of its workers, 0 by default. */
  readonly workers?: number;
  /** Jobs that may wait because of it, 10 by default. */
  readonly places?: number;
  /** Path of its configuration file; without one it runs payloads as shell scripts. */
  readonly configFile?: string;
}

/**
 * Starts a machine. It counts as lost after a second, so that its jobs are offered again after three. Needs root.
 */
export function startMember(
  server: string,
  { name, workers = 0, places = 10, configFile, env = {}, through = [], ...options }: MemberOptions,
): Promise<Program> {
  return startProgram({
    ...options,
    through: [...through, "unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name],
    env: {
      ...(configFile === undefined
        ? { JOBRUNNER_CMD: fixture("run_payload.sh") }
        : { JOBRUNNER_CONFIG_FILE: configFile }),
      JOBRUNNER_NUM_WORKERS: String(workers),
      JOBRUNNER_QUEUE_LIMIT: String(places),
      JOBRUNNER_NATS_URL: `nats://${server}`,
      JOBRUNNER_NATS_NODE_TIMEOUT_SEC: "1",
      ...env,
    },
  });
}

/** Starts a machine that counts as lost after three seconds, for tests in which none is lost: a busy host can be silent for one. */
export function startSteadyMember(
  server: string,
  { env = {}, ...options }: MemberOptions,
): Promise<Program> {
  return startMember(server, {
    ...options,
    env: { JOBRUNNER_NATS_NODE_TIMEOUT_SEC: "3", ...env },
  });
}

/** A queue as the server sees it; disposing of it closes its connection. */
export interface WatchedQueue extends AsyncDisposable {
  /** The connection. */
  readonly link: Link;
  /** Waits until it has room for so many unfinished jobs: every machine is known then. */
  hasRoomFor(jobs: number): Promise<void>;
  /** Waits until so many jobs are unfinished. */
  holds(jobs: number): Promise<void>;
}

/** Connects to the servers, to watch the queue of a pool of the group `default`. */
export function watchQueue(
  servers: string | readonly string[],
  { pool = "default", ...settings }: Partial<LinkSettings> & { readonly pool?: string } = {},
): WatchedQueue {
  const { stream } = streamOf("default", pool);
  const { link, ...opened } = openReportingLink(servers, settings);
  const size = () => link.size(stream).catch(() => undefined);
  return {
    ...opened,
    link,
    hasRoomFor: (jobs) =>
      eventually(
        `there is room for ${jobs} jobs`,
        async () => (await size())?.maxMessages === jobs,
      ),
    holds: (jobs) =>
      eventually(`${jobs} jobs are unfinished`, async () => (await size())?.messages === jobs),
  };
}

/** A script that notes its machine and its name in the file `begun` of a folder, and ends when the file `released` is there. */
export function heldScript(folder: string, name: string): string {
  return `echo "$(hostname) ${name}" >>${folder}/begun
    until [ -e ${folder}/released ]; do sleep 0.02; done
    hostname >"$JOBRUNNER_RESPONSE_DATA_FN"`;
}

/** What such scripts have noted. */
export function begunIn(folder: string): readonly string[] {
  try {
    return Deno.readTextFileSync(`${folder}/begun`).trimEnd().split("\n");
  } catch {
    return [];
  }
}

/** Lets such scripts end. */
export function release(folder: string): void {
  Deno.writeTextFileSync(`${folder}/released`, "");
}
