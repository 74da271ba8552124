/**
 * What a machine of a group offers, without commands and without a disk; it counts what is in use.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { JobInput } from "../../src/jobs/job.ts";
import type { HostShare, PoolHost } from "../../src/cluster/host.ts";
import { createCaptures } from "../../src/exec/capture.ts";
import { type FileWork, inboxInMemory } from "./inbox.ts";
import { openPayload, type PayloadSource } from "../../src/spool/payload_source.ts";

/** A host, as the module's docstring describes it. */
export interface TestHost extends PoolHost {
  /** Numbers of what is in use. */
  readonly inUse: {
    commands: number;
    shares: number;
    inboxes: number;
    sources: number;
    captures: number;
  };
  /** A run has taken this payload, and the folder of its job with it. */
  took(input: JobInput): void;
  /** The files of jobs of other machines: what was written, by name. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** How a host is to be. */
export interface HostSetup {
  /** Names of its commands. */
  readonly commands?: readonly string[];
  /** The digest of the text of each of them. */
  readonly digest?: string;
  /** Work on files. */
  readonly work?: FileWork;
  /** How much memory there is for the payload of one job, in bytes. */
  readonly memory?: number;
  /** The payloads that are in files. */
  readonly source?: Pick<PayloadSource, "lengths" | "read">;
}

/** What a host has in use when nothing is. */
export const nothingInUse: TestHost["inUse"] = {
  commands: 0,
  shares: 0,
  inboxes: 0,
  sources: 0,
  captures: 0,
};

/** Makes a host. */
export function hostOf(
  { commands = ["default"], digest = "digest", work, memory = Infinity, source }: HostSetup = {},
): TestHost {
  const inUse = { ...nothingInUse };
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
    took({ kind }) {
      if (kind !== "bytes") inUse.inboxes--;
    },
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
    digests: Object.fromEntries(commands.map((name) => [name, digest])),
    openPayload(input) {
      const opened = source && input.kind !== "bytes" ? source : openPayload(input);
      const close = once("sources");
      return { lengths: opened.lengths, read: (at, length) => opened.read(at, length), close };
    },
    openShare,
    keepCapture(_spec, { disk, onKept }) {
      const captures = createCaptures(Infinity, onKept);
      const isOver = once("captures");
      return {
        async write(bytes) {
          disk?.take(bytes.length);
          await work?.write?.();
          await captures.onEvent({ kind: "stdout", bytes });
        },
        captured() {
          isOver();
          return captures.output();
        },
        close: isOver,
      };
    },
  };
}
