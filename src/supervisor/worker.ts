/**
 * The service's isolate, and its only way into main: whatever it sends, main lives on.
 *
 * @module
 */

import type { ServiceStart, ToMain, ToService } from "../isolate/messages.ts";
import { messageOf } from "../telemetry/log.ts";
import { createBorder, textFromIsolate } from "./border.ts";
import { permissionsOf } from "../isolate/permissions.ts";
import type { ProcessInfo } from "../machine/process_table.ts";
import { lookAtOwn } from "../machine/process_tree.ts";

/** Why there is no service any more. */
export interface Loss {
  /** A sentence for the log. */
  readonly reason: string;
  /** The request that it was busy with when it was given up. */
  readonly requestId?: string | undefined;
  /** It broke the rules of its messages: then nothing that it left can be believed. */
  readonly brokeRules?: true;
  /** The processes of its running jobs at that moment. */
  readonly processes?: readonly ProcessInfo[];
}

/** See the module's head. */
export interface Isolate {
  /** Once it is closed, nothing is sent and nothing that it sends is looked at. */
  send(message: ToService): void;
  /** Does something for it; a failure of that is its end and not main's. */
  guard(act: () => void): void;
  /** Ends it at once. */
  lose(loss: Loss): void;
  /** Ends it at once. Twice is fine. */
  close(): void;
}

/** Starts the module `entry` with the permissions of the service. */
export function openIsolate(
  start: ServiceStart,
  entry: URL,
  { onMessage, onLost }: {
    readonly onMessage: (message: ToMain) => void;
    /** Hears once, at most, that it crashed, sent a wrong message or was given up. */
    readonly onLost: (loss: Loss) => void;
  },
): Isolate {
  const border = createBorder(start);
  const worker = new Worker(entry, {
    type: "module",
    name: "service",
    deno: { permissions: permissionsOf(start) },
  });
  let closed = false;

  function close(): void {
    closed = true;
    worker.terminate();
  }

  function lose(loss: Loss): void {
    if (closed) return;
    // The runtime ends the commands together with the isolate; what they have started then loses its parent.
    const processes = lookAtOwn();
    close();
    onLost({ ...loss, processes });
  }

  function guard(act: () => void): void {
    if (closed) return;
    try {
      act();
    } catch (error) {
      lose({ reason: `main cannot serve the service isolate: ${messageOf(error)}` });
    }
  }

  const wrong = (rule: string) =>
    lose({
      reason: `the service isolate was ended, it sent a wrong message: ${rule}`,
      brokeRules: true,
    });
  worker.onmessage = ({ data, ports }: MessageEvent<unknown>) => {
    if (closed) return;
    if (ports.length > 0) return wrong("a message must be plain data");
    const checked = border.check(data);
    if (checked.ok) guard(() => onMessage(checked.message));
    else wrong(checked.reason);
  };
  worker.onmessageerror = () => wrong("a message must be plain data");
  worker.onerror = (event) => {
    event.preventDefault();
    lose({ reason: `the service isolate crashed: ${textFromIsolate(event.message)}` });
  };
  return {
    send(message) {
      if (closed) return;
      border.sent(message);
      worker.postMessage(message);
    },
    guard,
    lose,
    close,
  };
}
