/**
 * The service's isolate, and its only way into main: whatever it sends, main lives on.
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
import { createBorder } from "./border.ts";
import { createPace } from "./pace.ts";
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
  /** Asks it. Once it is closed, nothing is sent and nothing that it sends is looked at. */
  readonly ask: Ask<ServiceAbilities>;
  /** Resolves when it crashed, sent a wrong message or was given up. */
  readonly died: Promise<Loss>;
  /** Resolves when it has met a bug that belongs to no request. */
  readonly faulty: Promise<void>;
  /** Ends it at once. */
  lose(loss: Loss): void;
  /** Ends it at once. Idempotent. */
  close(): void;
}

/**
 * Starts the module `entry` with the permissions of the service. The caretaker does what it asks for; what that cannot do is
 * its end and not main's. One that will not be asked to `start` needs none: the border lets no question of it pass.
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
    // The runtime ends the commands together with the isolate; what they have started then loses its parent.
    const processes = lookAtOwn();
    close();
    died.resolve({ ...loss, processes });
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
  worker.onmessageerror = () => wrong("a message must be plain data");
  worker.onerror = (event) => {
    event.preventDefault();
    lose({ reason: `the service isolate crashed: ${textFromIsolate(event.message)}` });
  };
  return { ask: service.ask, died: died.promise, faulty: faulty.promise, lose, close };
}
