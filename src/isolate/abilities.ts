/**
 * Everything that the main isolate and the service isolate can ask each other, with the rules by which main checks what
 * the service sends. A new ability needs a member of an interface and a rule here, and an answerer
 * (`supervisor/caretaker.ts` or `service.ts`); if one of them is missing, the program does not compile. Main never
 * receives a byte that a client sent.
 *
 * @module
 */

import type { Cut } from "../jobs/line.ts";
import type { Ability, Answer, Answerers, Question } from "./ask.ts";
import { maxLaunchers } from "../config/max_commands.ts";
import type {
  ClientAddress,
  Probe,
  ProcessFigures,
  QueueTrial,
  Replaced,
  ServiceSettings,
  ServiceStart,
  Started,
  StartOrder,
  TreeRequest,
  UnusedLauncher,
} from "./messages.ts";
import * as read from "./readers.ts";

/** What the service asks of main. */
export interface MainAbilities {
  /**
   * Kills processes of one job. The answer comes when they are gone or were given up; for processes that hold a pipe, when
   * they were found.
   */
  readonly end_tree: Ability<TreeRequest, void>;
  /** Measures the process that all isolates share. */
  readonly measure: Ability<void, ProcessFigures>;
  /** Which of these clients have disconnected? One answer for each client, in the same order. */
  readonly find_gone: Ability<readonly ClientAddress[], readonly boolean[]>;
  /** Checks and repairs the server's folder. The answer is the reason if it could not be repaired. */
  readonly repair: Ability<void, string | undefined>;
  /** Gives the unix socket, which the service has just opened, its mode and its path. The answer is the reason for a failure. */
  readonly publish_socket: Ability<void, string | undefined>;
  /** Empties the slot of a launcher that no job needs any more. */
  readonly free_launcher: Ability<UnusedLauncher, void>;
}

/** How main answers each of them. */
export type Caretaker = Answerers<MainAbilities>;

/** How main accepts questions of one kind. */
export interface QuestionRule<T> {
  /** Checks what is asked. */
  readonly read: read.Reader<T>;
  /** How many may be open at once. A sound service waits for answers before it asks more. */
  readonly mayBeOpen: (most: read.Most) => number;
  /**
   * Main does its other work first, and begins with two questions of this kind at least this many milliseconds apart.
   * Undefined: it begins with each at once, since one more costs it nothing.
   */
  readonly pauseMs?: number;
}

/** The rule of each kind of question. */
export const questionRules: {
  readonly [K in keyof MainAbilities]: QuestionRule<MainAbilities[K]["question"]>;
} = {
  // Two per worker are normal, and after a second the service may stop waiting for processes that hold a pipe.
  end_tree: { read: read.readTree, mayBeOpen: ({ workers }) => 8 * workers + 1000 },
  measure: { read: read.readNothing, mayBeOpen: () => 1, pauseMs: 0 },
  find_gone: { read: read.readClients, mayBeOpen: () => 1, pauseMs: 0 },
  repair: { read: read.readNothing, mayBeOpen: () => 1, pauseMs: 50 },
  publish_socket: { read: read.readNothing, mayBeOpen: () => 1, pauseMs: 50 },
  free_launcher: { read: read.readLauncher, mayBeOpen: () => maxLaunchers },
};

/** What main asks of the service. Each answer may come once. */
export interface ServiceAbilities {
  /** Starts the service and listens. */
  readonly start: Ability<StartOrder, Started>;
  /** Replaces commands, pools and settings for new requests, all of them or none. Admitted jobs keep what they have. */
  readonly replace: Ability<ServiceSettings, Replaced>;
  /** Tries out what the permissions allow. */
  readonly probe: Ability<ServiceStart, readonly Probe[]>;
  /** Tries the queue that machines share. The answer is undefined if there is none. */
  readonly try_queue: Ability<ServiceStart, QueueTrial | undefined>;
  /**
   * Drains: admits nothing new and finishes the admitted jobs. The answer is the number of connected clients that did not
   * receive their whole answer.
   */
  readonly drain: Ability<void, number>;
  /** Forced stop: ends the remaining jobs, with an answer for every client. The drain then ends. */
  readonly cut: Ability<void, Cut>;
  /** Shows that the service is alive. */
  readonly ping: Ability<void, void>;
}

/** The rule of each kind of answer. */
export const answerRules: {
  readonly [K in keyof ServiceAbilities]: read.Reader<ServiceAbilities[K]["answer"]>;
} = {
  start: read.readStarted,
  replace: read.readReplaced,
  probe: read.readProbes,
  try_queue: read.readQueueTrial,
  drain: read.readCount,
  cut: read.readCut,
  ping: read.readNothing,
};

/** From main to the service. */
export type ToService = Question<ServiceAbilities> | Answer<MainAbilities>;

/** From the service to main. */
export type ToMain =
  | Question<MainAbilities>
  | Answer<ServiceAbilities>
  /** An uncaught error outside any request: the service still works, but should be stopped. Sent at most once. */
  | { readonly type: "faulty" };
