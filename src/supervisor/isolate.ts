/**
 * The service's isolate, and its only channel to main: whatever it sends, main keeps running.
 *
 * @module
 */

import type {
  Caretaker,
  MainAbilities,
  ServiceAbilities,
  ToService,
} from "../isolate/abilities.ts";
import { type Ask, createAnswering, createAsker, type Question } from "../isolate/ask.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import { textFromIsolate } from "../isolate/readers.ts";
import { messageOf } from "../telemetry/log.ts";
import { createBorder, mustBePlainData } from "./border.ts";
import { createPace } from "./pace.ts";
import { permissionsOf } from "../isolate/permissions.ts";
import type { ProcessInfo } from "../machine/process_table.ts";
import { lookAtOwn } from "../machine/process_tree.ts";

/** Why a service was lost. */
export interface Loss {
  /** A sentence for the log. */
  readonly reason: string;
  /** The request that it was working on when it was given up. */
  readonly requestId?: string | undefined;
  /** It broke the rules for messages, so nothing that it left behind can be trusted. */
  readonly brokeRules?: true;
  /** The processes of its running jobs at that time. */
  readonly processes?: readonly ProcessInfo[];
}

/** See the module's head. */
export interface Isolate {
  /** Asks it. After `close` nothing is sent, and its messages are ignored. */
  readonly ask: Ask<ServiceAbilities>;
  /** Resolves when it crashed, sent a wrong message or was given up. */
  readonly died: Promise<Loss>;
  /** Resolves when it reported a bug that belongs to no request. */
  readonly faulty: Promise<void>;
  /** Terminates it and resolves `died`. */
  lose(loss: Loss): void;
  /** Terminates it. Idempotent. */
  close(): void;
}

/**
 * Starts the module `entry` with the permissions of the service. The caretaker answers its questions; if that fails, the
 * isolate is terminated and main keeps running. An isolate that is not asked to `start` needs no caretaker: the border
 * rejects all its questions.
 */
export function openIsolate(
  start: ServiceStart,
  entry: URL,
  caretaker?: Caretaker,
): Isolate {
  const border = createBorder(start);
  const worker = new Worker(entry, {
    type: "module",
    name: "service",
    deno: { permissions: permissionsOf(start) },
  });
  const died = Promise.withResolvers<Loss>();
  const faulty = Promise.withResolvers<void>();
  const service = createAsker<ServiceAbilities>(send);
  const answer = caretaker && createAnswering<MainAbilities>(caretaker, send);
  const mayBegin = createPace();
  let closed = false;

  function send(message: ToService): void {
    if (closed) return;
    border.sent(message);
    worker.postMessage(message);
  }

  async function serve(question: Question<MainAbilities>): Promise<void> {
    try {
      await mayBegin(question.kind);
      if (!closed) await answer?.(question);
    } catch (error) {
      lose({ reason: `main cannot serve the service isolate: ${messageOf(error)}` });
    }
  }

  function close(): void {
    closed = true;
    worker.terminate();
  }

  function lose(loss: Loss): void {
    if (closed) return;
    // The runtime kills the commands together with the isolate; the processes that they started then lose their parent.
    const processes = lookAtOwn();
    close();
    died.resolve({ ...loss, processes });
  }

  const wrong = (rule: string) =>
    lose({
      reason: `the service isolate was terminated, it sent a wrong message: ${rule}`,
      brokeRules: true,
    });
  worker.onmessage = ({ data, ports }: MessageEvent<unknown>) => {
    if (closed) return;
    if (ports.length > 0) return wrong(mustBePlainData);
    const checked = border.check(data);
    if (!checked.ok) return wrong(checked.reason);
    const { message } = checked;
    switch (message.type) {
      case "ask":
        return void serve(message);
      case "answer":
        return service.answered(message);
      case "faulty":
        return faulty.resolve();
    }
  };
  worker.onmessageerror = () => wrong(mustBePlainData);
  worker.onerror = (event) => {
    event.preventDefault();
    lose({ reason: `the service isolate crashed: ${textFromIsolate(event.message)}` });
  };
  return { ask: service.ask, died: died.promise, faulty: faulty.promise, lose, close };
}
