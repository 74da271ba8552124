/**
 * Questions and answers between two isolates. What one side can be asked is an interface with a member per kind of
 * question, an `Ability`; the other side asks with `ask(kind, question)`. A message carries its kind and an id, and an
 * answer counts only for the open question that matches both.
 *
 * @module
 */

/** The types of a question and of its answer; `void` for nothing. Both must be data that can be sent. */
export interface Ability<Question, Answer> {
  /** What is asked. */
  readonly question: Question;
  /** What comes back. */
  readonly answer: Answer;
}

/** An interface all of whose members are abilities. */
export type Abilities<A> = { readonly [K in keyof A]: Ability<unknown, unknown> };

/** Asks a question of one kind; resolves with its answer. Never settles if the other side is lost. */
export type Ask<A extends Abilities<A>> = <K extends keyof A>(
  kind: K,
  ...question: A[K]["question"] extends void ? [] : [question: A[K]["question"]]
) => Promise<A[K]["answer"]>;

/** The function that answers each kind of question. */
export type Answerers<A extends Abilities<A>> = {
  readonly [K in keyof A]: (
    question: A[K]["question"],
  ) => A[K]["answer"] | Promise<A[K]["answer"]>;
};

/** A question as it is sent, of one kind or of any. */
export type Question<A extends Abilities<A>, K extends keyof A = keyof A> = {
  readonly [Kind in K]: {
    readonly type: "ask";
    readonly kind: Kind;
    readonly id: number;
    readonly value: A[Kind]["question"];
  };
}[K];

/** An answer as it is sent, of one kind or of any. */
export type Answer<A extends Abilities<A>, K extends keyof A = keyof A> = {
  readonly [Kind in K]: {
    readonly type: "answer";
    readonly kind: Kind;
    readonly id: number;
    readonly value: A[Kind]["answer"];
  };
}[K];

/** The side that asks. */
export interface Asker<A extends Abilities<A>> {
  /** Sends a question. */
  readonly ask: Ask<A>;
  /** Takes an answer that arrived. It is ignored if no question of its kind and id is open. */
  answered(answer: Answer<A>): void;
}

/** Creates the asking side. Ids are 1, 2, 3 and so on, across all kinds. */
export function createAsker<A extends Abilities<A>>(
  send: (question: Question<A>) => void,
): Asker<A> {
  const open = new Map<number, { readonly kind: keyof A; resolve(value: unknown): void }>();
  let asked = 0;
  return {
    ask(kind, ...[value]) {
      const id = ++asked;
      return new Promise((resolve) => {
        // The two types are the same for each kind, which the compiler cannot prove.
        open.set(id, { kind, resolve: resolve as (value: unknown) => void });
        send({ type: "ask", kind, id, value } as Question<A>);
      });
    },
    answered({ kind, id, value }) {
      const question = open.get(id);
      if (question?.kind !== kind) return;
      open.delete(id);
      question.resolve(value);
    },
  };
}

/** Answers each question that arrives: resolves when the answer was sent; rejects, and sends nothing, if the answerer fails. */
export function createAnswering<A extends Abilities<A>>(
  answerers: Answerers<A>,
  send: (answer: Answer<A>) => void,
): (question: Question<A>) => Promise<void> {
  return async <K extends keyof A>({ kind, id, value }: Question<A, K>) => {
    const answer = await answerers[kind](value);
    send({ type: "answer", kind, id, value: answer } as Answer<A>);
  };
}

/** Asks by a plain call, for two sides in the same isolate. */
export function askHere<A extends Abilities<A>>(answerers: Answerers<A>): Ask<A> {
  return async (kind, ...[question]) => await answerers[kind](question);
}

/** Asks one question at a time: calls made while one is open share its answer. */
export function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let open: Promise<T> | undefined;
  return () => open ??= ask().finally(() => open = undefined);
}
