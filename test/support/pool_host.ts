/**
 * What a machine of a group offers, without commands and without a disk; it counts what is in use.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { HostShare, PoolHost } from "../../src/cluster/host.ts";
import { createCaptures } from "../../src/exec/capture.ts";
import { type FileWork, inboxInMemory } from "./inbox.ts";
import { openPayload } from "../../src/spool/payload_source.ts";

/** A host, as the module's docstring describes it. */
export interface TestHost extends PoolHost {
  /** Numbers of versions of commands, shares and inboxes that are in use. */
  readonly inUse: { commands: number; shares: number; inboxes: number };
  /** The files of jobs of other machines: what was written, by name. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** How a host is to be. */
export interface HostSetup {
  /** Names of its commands. */
  readonly commands?: readonly string[];
  /** Work on files. */
  readonly work?: FileWork;
  /** How much memory there is for the payload of one job, in bytes. */
  readonly memory?: number;
}

/** Makes a host. */
export function hostOf(
  { commands = ["default"], work, memory = Infinity }: HostSetup = {},
): TestHost {
  const inUse = { commands: 0, shares: 0, inboxes: 0 };
  const files = new Map<string, Uint8Array<ArrayBuffer>>();

  /** Returns a function that may be called once. */
  function once(what: keyof typeof inUse): () => void {
    inUse[what]++;
    let isOver = false;
    return () => {
      assert.equal(isOver, false, `one of ${what} is given back twice`);
      isOver = true;
      inUse[what]--;
    };
  }

  function openShare(): HostShare {
    return {
      payload: (bytes) => bytes <= memory,
      payloadStored() {},
      captured() {},
      disk: { takeBody: () => true, take: () => true, release() {} },
      release: once("shares"),
    };
  }

  return {
    inUse,
    files,
    use: () => ({
      version: 1,
      openInbox() {
        const made = inboxInMemory(work);
        const discarded = once("inboxes");
        return Promise.resolve({
          ...made.inbox,
          async complete(list) {
            const input = await made.inbox.complete(list);
            for (const [name, bytes] of made.files) files.set(name, bytes);
            if (list !== undefined) files.set("parts.json", new TextEncoder().encode(list));
            return input;
          },
          discard: () => Promise.resolve(discarded()),
        });
      },
      release: once("commands"),
    }),
    namesOf: () => undefined,
    digests: Object.fromEntries(commands.map((name) => [name, "digest"])),
    openPayload,
    openShare,
    keepCapture() {
      const captures = createCaptures(Infinity, () => {});
      return {
        write: async (bytes) => await captures.onEvent({ kind: "stdout", bytes }),
        captured: () => captures.output(),
        close() {},
      };
    },
  };
}
