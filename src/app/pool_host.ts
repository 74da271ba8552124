/**
 * What a pool offers to the machines that share its queue.
 *
 * @module
 */

import { hash } from "node:crypto";
import type { CommandConfig } from "../config/config.ts";
import type { HostShare, PoolHost } from "../cluster/host.ts";
import { createCaptures } from "../exec/capture.ts";
import type { RunSettings } from "../exec/run.ts";
import { createStoredCaptures } from "../exec/stored_capture.ts";
import type { JobSpec, Names } from "../jobs/job.ts";
import { openPayload } from "../spool/payload_source.ts";
import { createOutputFile } from "../spool/stored.ts";
import type { LiveCommand } from "./live_command.ts";

/** What the host of a pool is made of. */
export interface PoolHostParts {
  /** The commands of the pool, as they are now. */
  readonly commands: () => readonly LiveCommand[];
  /** Settings of the runs of a job. */
  readonly settingsOf: (
    spec: JobSpec,
  ) => Pick<RunSettings, "spool" | "maxOutputBytes" | "maxResultBytes">;
  /** The names of a command; undefined without a configuration file. */
  readonly namesOf: (command: string) => Names | undefined;
  /** Room for a job of another machine. */
  readonly openShare: () => HostShare;
}

/** By which machines compare the text of a command. */
export function commandDigest(text: string): string {
  return hash("sha256", text);
}

/** Makes the host of a pool. */
export function createPoolHost(
  { commands, settingsOf, namesOf, openShare }: PoolHostParts,
): PoolHost {
  /** Digests that were made. */
  const made = new WeakMap<CommandConfig, string>();

  function digestOf(config: CommandConfig): string {
    const known = made.get(config) ?? commandDigest(config.command.text);
    made.set(config, known);
    return known;
  }

  return {
    use(name) {
      const command = commands().find((command) => command.name === name)?.use();
      if (!command) throw new Error(`the pool has no command ${name}`);
      return {
        version: command.version,
        openInbox: () => command.openInbox(),
        release: () => command.release(),
      };
    },
    namesOf,
    get digests() {
      return Object.fromEntries(
        commands().map(({ name, parts }) => [name, digestOf(parts.config)]),
      );
    },
    openPayload,
    openShare,
    keepCapture(spec, { disk, onKept }) {
      const { spool, maxOutputBytes, maxResultBytes } = settingsOf(spec);
      const captures = spec.keep === "memory"
        ? createCaptures(maxOutputBytes, onKept)
        : createStoredCaptures({
          limit: maxResultBytes,
          disk,
          createFile: () => createOutputFile(spool),
          onKept,
        });
      return {
        write: async (bytes) => await captures.onEvent({ kind: "stdout", bytes }),
        captured: () => captures.output(),
        close: () => captures.close(),
      };
    },
  };
}
