/**
 * Checks what the service isolate sends to main. Clients can reach the isolate, so an attacker may control it: each message
 * is checked before main acts on it.
 *
 * There are two kinds of rules: the shape and size of every value (`isolate/abilities.ts` has them for each kind), and the
 * number of messages. Each question of main's may be answered once. A sound service waits for main's answers, so each kind
 * of question has credit: a question uses it up, and main's answer gives it back. A flood runs out of credit with its second
 * message, however fast or slow main reads it.
 *
 * @module
 */

import {
  answerRules,
  type MainAbilities,
  questionRules,
  type ServiceAbilities,
  type ToMain,
  type ToService,
} from "../isolate/abilities.ts";
import type { Answer, Question } from "../isolate/ask.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import { isWhole, type Known, mostOf, type Own, ownOf } from "../isolate/readers.ts";

/** A copy of a message that keeps the rules, or a sentence about the rule that it breaks. */
export type Checked =
  | { readonly ok: true; readonly message: ToMain }
  | { readonly ok: false; readonly reason: string };

/** See the module's head. */
export interface Border {
  /** Must be called with each message that main sends: it gives credit for the next ones of the service. */
  sent(message: ToService): void;
  /** Checks a received value. Never throws; a reason names at most the kind and quotes nothing. */
  check(value: unknown): Checked;
}

/** A service that waits for answers as it should sends at most a few thousand. */
const maxMessagesPerSecond = 20_000;

/** The rule for the form of every message. */
export const mustBePlainData = "a message must be plain data";

const unexpected = "must be sent only when it is expected, and no more often";
const unknownKind = "a question or an answer must be of a known kind";

/** Creates the checks for one service. `now` is a monotonic clock in milliseconds. */
export function createBorder(
  { config, programs, spool }: Pick<ServiceStart, "config" | "programs" | "spool">,
  now: () => number = () => performance.now(),
): Border {
  let known: Known = { config, programs, spool, most: mostOf(config) };
  const open = new Map<keyof MainAbilities | keyof ServiceAbilities, Set<number>>();
  /** Whether the service was asked to start; from then on it may ask questions. */
  let serving = false;
  let faulty = false;
  let second = { startedAt: -Infinity, messages: 0 };

  /** Ids of the questions of a kind that have no answer yet, of either side. */
  function openOf(kind: keyof MainAbilities | keyof ServiceAbilities): Set<number> {
    const ids = open.get(kind) ?? new Set();
    open.set(kind, ids);
    return ids;
  }

  function isFlood(): boolean {
    const at = now();
    if (at - second.startedAt >= 1000) second = { startedAt: at, messages: 0 };
    return ++second.messages > maxMessagesPerSecond;
  }

  function readQuestion<K extends keyof MainAbilities>(
    kind: K,
    { id, value }: Own,
  ): Question<MainAbilities> | string {
    if (!isWhole(id) || id === 0) return "the id must be a whole number, 1 or more";
    const rule = questionRules[kind];
    const question = rule.read(value, known);
    if (typeof question === "string") return question;
    const ids = openOf(kind);
    if (!serving || ids.size >= rule.mayBeOpen(known.most)) return unexpected;
    if (ids.has(id)) return "the id must not be in use";
    ids.add(id);
    return { type: "ask", kind, id, value: question } as Question<MainAbilities>;
  }

  function readAnswer<K extends keyof ServiceAbilities>(
    kind: K,
    { id, value }: Own,
  ): Answer<ServiceAbilities> | string {
    const answer = answerRules[kind](value, known);
    if (typeof answer === "string") return answer;
    if (!isWhole(id) || !openOf(kind).delete(id)) return unexpected;
    return { type: "answer", kind, id, value: answer } as Answer<ServiceAbilities>;
  }

  function readFaulty(): ToMain | string {
    if (!serving || faulty) return unexpected;
    faulty = true;
    return { type: "faulty" };
  }

  function read(value: unknown): ToMain | string {
    if (isFlood()) return `at most ${maxMessagesPerSecond} messages may be sent in a second`;
    const own = ownOf(value) ?? {};
    const { type, kind } = own;
    switch (type) {
      case "ask":
        return isKindOf(questionRules, kind) ? named(kind, readQuestion(kind, own)) : unknownKind;
      case "answer":
        return isKindOf(answerRules, kind) ? named(kind, readAnswer(kind, own)) : unknownKind;
      case "faulty":
        return named(type, readFaulty());
      default:
        return "a message must be an object with a known type";
    }
  }

  return {
    sent(message) {
      const { type, kind, id } = message;
      if (type === "answer") return void openOf(kind).delete(id);
      openOf(kind).add(id);
      if (kind === "start") serving = true;
      if (kind === "replace") known = { ...known, most: mostOf(message.value.config, known.most) };
    },
    check(value) {
      let message: ToMain | string;
      try {
        message = read(value);
      } catch {
        message = mustBePlainData;
      }
      return typeof message === "string" ? { ok: false, reason: message } : { ok: true, message };
    },
  };
}

function isKindOf<R extends object>(rules: R, kind: unknown): kind is keyof R {
  return typeof kind === "string" && Object.hasOwn(rules, kind);
}

/** A message, or a broken rule with the kind that it concerns. */
function named(kind: string, read: ToMain | string): ToMain | string {
  return typeof read === "string" ? `${kind}: ${read}` : read;
}
