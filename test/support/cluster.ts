/**
 * Machines that share queues over a NATS server in memory, with time that goes by when a test says so.
 *
 * @module
 */

import { type Cluster, joinCluster } from "../../src/cluster/cluster.ts";
import type { HostShare, PoolHost } from "../../src/cluster/host.ts";
import type { Link } from "../../src/cluster/link.ts";
import type { ClusterReport } from "../../src/cluster/report.ts";
import type { ClusterConfig } from "../../src/config/config.ts";
import { createCaptures } from "../../src/exec/capture.ts";
import type { LineSize, ResizableLine } from "../../src/jobs/line.ts";
import { openPayload } from "../../src/spool/payload_source.ts";
import { createMemoryServer, type MemoryServer } from "./memory_link.ts";
import { createVirtualClock, type VirtualClock } from "./virtual_clock.ts";

/** One machine. */
export interface Machine {
  readonly link: Link;
  readonly cluster: Cluster;
  /** Its part of the queue of the pool `default`. */
  readonly line: ResizableLine;
  /** What it has reported: the name of the event and its values. */
  readonly reported: readonly (readonly unknown[])[];
}

/** A group of machines. Disposing of it closes the server. */
export interface Machines extends Disposable {
  readonly clock: VirtualClock;
  readonly server: MemoryServer;
  /** Adds a machine with so many workers and places. */
  join(size: Partial<LineSize>, config?: Partial<ClusterConfig>): Promise<Machine>;
}

const usual: ClusterConfig = {
  servers: ["127.0.0.1:4222"],
  tls: undefined,
  group: "test",
  nodeName: "machine",
  onLost: "rerun",
  attempts: 3,
  nodeTimeoutMs: 3000,
  storage: "file",
  replicas: 1,
  ready: "always",
  settings: {},
};

/** Makes a server without machines. */
export function createMachines(): Machines {
  const clock = createVirtualClock();
  const server = createMemoryServer(clock);
  let joined = 0;
  return {
    clock,
    server,
    async join(size, config = {}) {
      const link = server.connect();
      const reported: (readonly unknown[])[] = [];
      const cluster = joinCluster({
        config: { ...usual, nodeName: `machine ${++joined}`, ...config },
        version: "0.0.0",
        link,
        report: reportTo(reported),
        onRefused: (sentence) => reported.push(["refused", sentence]),
        clock,
      });
      const line = cluster.openLine(
        "default",
        { workers: 1, places: 0, queueTimeoutMs: Infinity, ...size },
        hostOf(),
      );
      await clock.pass(1);
      return { link, cluster, line, reported };
    },
    [Symbol.dispose]: () => server[Symbol.dispose](),
  };
}

function reportTo(reported: (readonly unknown[])[]): ClusterReport {
  const to = (name: string) => (...values: readonly unknown[]) =>
    void reported.push([name, ...values]);
  return {
    claimed: to("claimed"),
    redelivered: to("redelivered"),
    republished: to("republished"),
    unclaimed: to("unclaimed"),
    hop() {},
    misunderstood: to("misunderstood"),
    lost: to("lost"),
  };
}

function hostOf(): PoolHost {
  return {
    use: () => ({
      version: 1,
      openInbox: () => Promise.reject(new Error("there are no files in this test")),
      release() {},
    }),
    namesOf: () => undefined,
    digests: { default: "digest" },
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

function openShare(): HostShare {
  return {
    payload: () => true,
    payloadStored() {},
    captured() {},
    disk: { takeBody: () => true, take: () => true, release() {} },
    release() {},
  };
}
