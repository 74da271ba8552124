/**
 * What can go wrong with `jobrunner send` itself.
 *
 * @module
 */

/** Exit statuses of our own (sysexits(3)). */
export const exits = {
  usage: 64,
  refused: 65,
  noInput: 66,
  noServer: 69,
  serverFailed: 70,
  noOutput: 73,
  busy: 75,
  noJobrunner: 76,
  notAllowed: 77,
} as const;

/** A failure of ours, not of the command; the message is one line. */
export class SendFailure extends Error {
  /** Tells it from a bug. */
  override readonly name = "SendFailure";
  /** The exit status. */
  readonly exit: number;
  /** `exit` names the status. */
  constructor(exit: keyof typeof exits, message: string) {
    super(message);
    this.exit = exits[exit];
  }
}
