/**
 * What a machine answers to the others of its group.
 *
 * @module
 */

import { freeMemory } from "../async/bytes.ts";
import {
  decodeCancel,
  decodeOutput,
  decodePortion,
  decodeQuestion,
  decodeResult,
  encodeAnswer,
  encodeResultAnswer,
} from "./codec.ts";
import type { Group } from "./group.ts";
import type { Incoming } from "./link.ts";
import type { ClusterLine } from "./line.ts";
import type { ExecutorVerb, FrontVerb } from "./names.ts";

/** Listens to the questions of the other machines from now on. `lines` returns the queues of this machine. */
export function answerOthers(group: Group, lines: () => readonly ClusterLine[]): void {
  const { link, node, nodes, subjects, report, clock } = group;
  /** The front of a job of this machine's clients; undefined if it is over. */
  const frontOf = (uid: string) =>
    lines().map(({ front }) => front).find((front) => front.has(uid));
  const executorOf = (uid: string) =>
    lines().map(({ executor }) => executor).find((executor) => executor.has(uid));

  function respond({ reply }: Incoming, data: Uint8Array<ArrayBuffer>): void {
    if (reply !== "") link.publish(reply, data);
  }

  /** After an error the answer is empty, which the machine that asks does not understand: it gives up, or asks again. */
  function respondLater(message: Incoming, data: Promise<Uint8Array<ArrayBuffer>>): void {
    data.catch(() => nothing).then((data) => respond(message, data)).catch(() => {});
  }

  /** Answers with a part of a content, whose memory is freed once the answer is on its way. */
  function respondWithPart(message: Incoming, part: Promise<Uint8Array<ArrayBuffer>>): void {
    respondLater(message, part);
    part.then((bytes) => clock.after(0, () => freeMemory(bytes)), () => {});
  }

  const asFront: Readonly<Record<FrontVerb, (message: Incoming) => void>> = {
    started: asked,
    claim: asked,
    back(message) {
      const question = decodeQuestion(message.data);
      if (!question) return report.misunderstood("a job given back");
      frontOf(question.uid)?.givenBack(question);
      respond(message, nothing);
    },
    payload(message) {
      const portion = decodePortion(message.data);
      if (!portion) return report.misunderstood("a question for a payload");
      const front = frontOf(portion.uid);
      if (front) respondWithPart(message, front.read(portion));
      else respond(message, nothing);
    },
    result(message) {
      const result = decodeResult(message.data);
      if (!result) return report.misunderstood("a result");
      nodes.seen(result.node, clock.now());
      const taken = frontOf(result.uid)?.received(result) ?? Promise.resolve(false);
      respondLater(message, taken.then((taken) => encodeResultAnswer(taken ? "taken" : "gone")));
    },
    output(message) {
      const output = decodeOutput(message.data);
      if (!output) return report.misunderstood("output");
      frontOf(output.uid)?.output(output);
      respond(message, nothing);
    },
  };

  function asked(message: Incoming): void {
    const question = decodeQuestion(message.data);
    if (!question) return report.misunderstood("a question about a job");
    nodes.seen(question.node, clock.now());
    respond(message, encodeAnswer(frontOf(question.uid)?.asked(question) ?? "gone"));
  }

  const asExecutor: Readonly<Record<ExecutorVerb, (message: Incoming) => void>> = {
    cancel(message) {
      const cancel = decodeCancel(message.data);
      if (!cancel) return report.misunderstood("the end of a run");
      executorOf(cancel.uid)?.canceled(cancel);
      respond(message, nothing);
    },
    capture(message) {
      const portion = decodePortion(message.data);
      if (!portion || portion.of === "payload") {
        return report.misunderstood("a question for a result");
      }
      const { uid, of, at, length } = portion;
      const executor = executorOf(uid);
      if (executor) respondWithPart(message, executor.read(uid, of, at, length));
      else respond(message, nothing);
    },
  };

  const lastToken = ({ subject }: Incoming) => subject.slice(subject.lastIndexOf(".") + 1);
  const dispatch = <Verb extends string>(
    to: Readonly<Record<Verb, (message: Incoming) => void>>,
    message: Incoming,
  ) => {
    const verb = lastToken(message);
    // Not what every object has, such as `__proto__`.
    if (Object.hasOwn(to, verb)) to[verb as Verb](message);
  };
  link.subscribe(subjects.front(node, "*"), (message) => dispatch(asFront, message));
  link.subscribe(subjects.executor(node, "*"), (message) => dispatch(asExecutor, message));
  link.subscribe(subjects.acked(node, "*"), (message) => {
    const uid = lastToken(message);
    frontOf(uid)?.acked(uid);
  });
}

const nothing = new Uint8Array();
