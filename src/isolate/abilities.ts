/**
 * Everything that the main isolate and the service isolate can ask each other, and beside it the rule by which main takes
 * what comes from the service. A new ability is a member of an interface and its rule here, and its answerer
 * (`supervisor/caretaker.ts` or `service.ts`); what is forgotten does not compile. Main never receives a byte that a
 * client sent.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { Cut } from "../jobs/line.ts";
import type { Ability, Answer, Answerers, Question } from "./ask.ts";
import type {
  ClientAddress,
  Probe,
  ProcessFigures,
  ServiceStart,
  Started,
  StartOrder,
  TreeRequest,
} from "./messages.ts";
import * as read from "./readers.ts";

/** What the service asks of main. */
export interface MainAbilities {
  /** End processes of one job; the answer is that it is over, or was given up. For holders of a pipe: that they were found. */
  readonly end_tree: Ability<TreeRequest, void>;
  /** Measure the process that all isolates share. */
  readonly measure: Ability<void, ProcessFigures>;
  /** Which of these have gone? The answer is for each client, in that order. */
  readonly find_gone: Ability<readonly ClientAddress[], readonly boolean[]>;
  /** Look at the server's folder: something in it is not as it should be. The answer is why it could not be put right. */
  readonly mend: Ability<void, string | undefined>;
}

/** What main does about each of them. */
export type Caretaker = Answerers<MainAbilities>;

/** How main takes questions of one kind. */
export interface QuestionRule<T> {
  /** What is asked. */
  readonly read: read.Reader<T>;
  /** How many may be open at once; an honest service waits for their answers before it asks more. */
  readonly mayBeOpen: (config: Config) => number;
  /**
   * Main does first what else it has to do, and begins with them so many milliseconds apart. Undefined: it begins at once
   * with each, since one more costs it nothing.
   */
  readonly pauseMs?: number;
}

/** The rule of each kind of question. */
export const questionRules: {
  readonly [K in keyof MainAbilities]: QuestionRule<MainAbilities[K]["question"]>;
} = {
  // Two per worker are ordinary, and the service may give holders up after a second.
  end_tree: { read: read.readTree, mayBeOpen: ({ work }) => 8 * work.jobs.numWorkers + 1000 },
  measure: { read: read.readNothing, mayBeOpen: () => 1, pauseMs: 0 },
  find_gone: { read: read.readClients, mayBeOpen: () => 1, pauseMs: 0 },
  mend: { read: read.readNothing, mayBeOpen: () => 1, pauseMs: 50 },
};

/** What main asks of the service. Each answer may come once. */
export interface ServiceAbilities {
  /** Listen. */
  readonly start: Ability<StartOrder, Started>;
  /** Try what the permissions let pass. */
  readonly probe: Ability<ServiceStart, readonly Probe[]>;
  /** Admit nothing new, finish what there is; the answer is how many clients that were there did not get to the end of theirs. */
  readonly drain: Ability<void, number>;
  /** End what is left, with an answer for every client. A drain then comes to its end. */
  readonly cut: Ability<void, Cut>;
  /** Are you alive? */
  readonly ping: Ability<void, void>;
}

/** The rule of each kind of answer. */
export const answerRules: {
  readonly [K in keyof ServiceAbilities]: read.Reader<ServiceAbilities[K]["answer"]>;
} = {
  start: read.readStarted,
  probe: read.readProbes,
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
  /** A bug was met outside any request; the service still works, but should be stopped. Said once. */
  | { readonly type: "faulty" };
