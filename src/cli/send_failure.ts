/**
 * The failures of `jobrunner send` itself and their exit statuses.
 *
 * @module
 */

/** An exit status and its meaning. */
export interface Exit {
  /** The number, as in sysexits(3). */
  readonly status: number;
  /** When `send` exits with it. */
  readonly meaning: string;
}

/** Name of a kind of failure. */
export type FailureKind =
  | "usage"
  | "refused"
  | "noInput"
  | "noServer"
  | "serverFailed"
  | "noOutput"
  | "busy"
  | "noJobrunner"
  | "notAllowed";

/** The exit status of each kind of failure, in ascending order. */
export const exits: Readonly<Record<FailureKind, Exit>> = {
  usage: { status: 64, meaning: "wrong usage" },
  refused: { status: 65, meaning: "the server refuses the request" },
  noInput: { status: 66, meaning: "an input cannot be read" },
  noServer: { status: 69, meaning: "no server answers, or the connection broke" },
  serverFailed: { status: 70, meaning: "the server failed" },
  noOutput: { status: 73, meaning: "an output cannot be written" },
  busy: { status: 75, meaning: "the server is too busy (429, 503)" },
  noJobrunner: { status: 76, meaning: "the answer is not from a jobrunner" },
  notAllowed: { status: 77, meaning: "the server does not allow the request (401, 403)" },
};

/** A failure of `send`, not of the command. The message is one line. */
export class SendFailure extends Error {
  /** Distinguishes a failure from a bug. */
  override readonly name = "SendFailure";
  /** The exit status. */
  readonly exit: number;
  /** Makes a failure of this kind. */
  constructor(kind: FailureKind, message: string) {
    super(message);
    this.exit = exits[kind].status;
  }
}
