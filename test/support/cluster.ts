/**
 * Machines that share queues over a NATS server in memory, with time that goes by when a test says so.
 *
 * @module
 */

import { type Cluster, joinCluster } from "../../src/cluster/cluster.ts";
import type { Link } from "../../src/cluster/link.ts";
import type { ClusterReport } from "../../src/cluster/report.ts";
import type { ClusterConfig } from "../../src/config/config.ts";
import type { LineSize, ResizableLine } from "../../src/jobs/line.ts";
import { freezable } from "./freezable.ts";
import { createMemoryServer, type MemoryServer } from "./memory_link.ts";
import { hostOf, type HostSetup, type TestHost } from "./pool_host.ts";
import { createVirtualClock, type VirtualClock } from "./virtual_clock.ts";

/** One machine. */
export interface Machine {
  /** Its name. */
  readonly name: string;
  /** What the server knows of it; see `MemoryServer.cut`. */
  readonly link: Link;
  readonly cluster: Cluster;
  /** Its part of the queue of the pool `default`. */
  readonly line: ResizableLine;
  readonly host: TestHost;
  /** What it has reported: the name of the event and its values. */
  readonly reported: readonly (readonly unknown[])[];
  /** Adds another pool. */
  open(pool: string, size: Partial<LineSize>, setup?: HostSetup): ResizableLine;
  /** The process stops, as by SIGSTOP. */
  freeze(): void;
  /** The process goes on. */
  thaw(): void;
  /** Resolves when the process is not frozen; never if it is dead. */
  goesOn(): Promise<void>;
  /** The process dies, as by SIGKILL: nothing of it has an effect any more. */
  kill(): void;
  /** Whether it is dead. */
  readonly isDead: boolean;
}

/** A group of machines. Disposing of it closes the server. */
export interface Machines extends Disposable {
  readonly clock: VirtualClock;
  readonly server: MemoryServer;
  /** Adds a machine with so many workers and places. */
  join(
    size: Partial<LineSize>,
    config?: Partial<ClusterConfig>,
    setup?: HostSetup,
  ): Promise<Machine>;
  /** Number of messages in the stream of a pool, and how many there may be. */
  size(pool?: string): Promise<{ readonly messages: number; readonly maxMessages: number }>;
}

/** The settings of a machine, unless a test has others. */
export const groupConfig: ClusterConfig = {
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

/** Makes a server without machines. The ids of machines rise, or fall, in the order in which they join. */
export function createMachines(ids: "rise" | "fall" = "rise"): Machines {
  const clock = createVirtualClock();
  const server = createMemoryServer(clock);
  const observer = server.connect();
  let joined = 0;
  return {
    clock,
    server,
    async join(size, config = {}, setup = {}) {
      const link = server.connect();
      const process = freezable(clock, link);
      const name = `machine-${++joined}`;
      const digits = String(ids === "rise" ? joined : 1e6 - joined).padStart(8, "0");
      const reported: (readonly unknown[])[] = [];
      const cluster = joinCluster({
        config: { ...groupConfig, nodeName: name, ...config },
        version: "0.0.0",
        node: `${digits}-0000-4000-8000-000000000000`,
        link: process.link,
        report: reportTo(reported),
        onRefused: (sentence) => reported.push(["refused", sentence]),
        clock: process.clock,
      });
      const host = hostOf(setup);
      const open = (pool: string, size: Partial<LineSize>, own: TestHost) =>
        cluster.openLine(pool, { workers: 1, places: 0, queueTimeoutMs: Infinity, ...size }, own);
      const line = open("default", size, host);
      let isDead = false;
      await clock.pass(1);
      return {
        name,
        link,
        cluster,
        line,
        host,
        reported,
        open: (pool, size, setup) => open(pool, size, hostOf(setup)),
        freeze: process.freeze,
        thaw: process.thaw,
        goesOn: process.goesOn,
        kill() {
          isDead = true;
          process.freeze();
          void link.close();
        },
        get isDead() {
          return isDead;
        },
      };
    },
    size: (pool = "default") => observer.size(`JR1_test_${pool}`),
    [Symbol.dispose]: () => server[Symbol.dispose](),
  };
}

/** Notes the name and the values of each event. */
export function reportTo(reported: (readonly unknown[])[]): ClusterReport {
  const to = (name: string) => (...values: readonly unknown[]) =>
    void reported.push([name, ...values]);
  return {
    claimed: to("claimed"),
    ranElsewhere: to("ranElsewhere"),
    redelivered: to("redelivered"),
    republished: to("republished"),
    unclaimed: to("unclaimed"),
    hop() {},
    misunderstood: to("misunderstood"),
    lost: to("lost"),
  };
}
