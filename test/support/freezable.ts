/**
 * A process that can be frozen, as by SIGSTOP: its timers and what comes to it wait until it goes on.
 *
 * @module
 */

import type { Clock } from "../../src/cluster/clock.ts";
import type { Link } from "../../src/cluster/link.ts";

/** What a process has, and how it is frozen. */
export interface Freezable {
  readonly clock: Clock;
  readonly link: Link;
  /** The process stops. */
  freeze(): void;
  /** The process goes on, with what came meanwhile. */
  thaw(): void;
  /** Resolves when the process is not frozen. */
  goesOn(): Promise<void>;
}

/** Makes the clock and the connection of a process that can be frozen. What it sends must not be sent while it is. */
export function freezable(clock: Clock, link: Link): Freezable {
  let frozen = false;
  /** What is to be done when the process goes on: timers that have ended come first. */
  let waiting: { readonly timers: (() => void)[]; readonly rest: (() => void)[] } = nothing();

  function nothing() {
    return { timers: [], rest: [] };
  }

  function gate(act: () => void, kind: "timers" | "rest" = "rest"): void {
    if (frozen) waiting[kind].push(act);
    else act();
  }

  const gated = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) =>
      promise.then((value) => gate(() => resolve(value)), (error) => gate(() => reject(error)))
    );

  return {
    clock: {
      now: () => clock.now(),
      after(ms, act) {
        let stopped = false;
        const stop = clock.after(ms, () => gate(() => stopped || act(), "timers"));
        return () => {
          stopped = true;
          stop();
        };
      },
    },
    link: {
      get connected() {
        return link.connected;
      },
      get connectedAt() {
        return link.connectedAt;
      },
      get connections() {
        return link.connections;
      },
      get serverVersion() {
        return link.serverVersion;
      },
      maxPayload: link.maxPayload,
      publish: (...message) => link.publish(...message),
      request: (...question) => gated(link.request(...question)),
      subscribe: (subject, receive) =>
        link.subscribe(subject, (message) => gate(() => receive(message))),
      store: (...message) => gated(link.store(...message)),
      pull: (...question) => link.pull(...question),
      ensure: (settings) => gated(link.ensure(settings)),
      setMaxMessages: (...change) => gated(link.setMaxMessages(...change)),
      size: (stream) => gated(link.size(stream)),
      examine: (settings) => gated(link.examine(settings)),
      read: (...which) => gated(link.read(...which)),
      remove: (...which) => gated(link.remove(...which)),
      onChange: (changed) => link.onChange(() => gate(changed)),
      close: () => link.close(),
    },
    freeze() {
      frozen = true;
    },
    goesOn: () => new Promise((resolve) => gate(resolve)),
    thaw() {
      frozen = false;
      const { timers, rest } = waiting;
      waiting = nothing();
      for (const act of [...timers, ...rest]) act();
    },
  };
}
