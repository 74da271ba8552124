/**
 * Sends the live output of a job straight to the machine that has the client.
 *
 * @module
 */

import { chunkSize } from "./bulk.ts";
import { encodeOutput } from "./codec.ts";
import type { Group } from "./group.ts";
import type { StreamTotals } from "./messages.ts";

/** How many bytes may be on their way at once; more are dropped, and the front sees the gap. */
const windowBytes = 2 ** 20;

/** What a piece counts in addition to its bytes: about what it takes to wait for its answer. */
const pieceBytes = 256;

/** How long a piece counts as on its way if the front does not answer, in milliseconds. */
const pieceMs = 5000;

/** Sends the output of one run. */
export class LiveSender {
  readonly #group: Group;
  readonly #subject: string;
  readonly #uid: string;
  readonly #sent = { stdout: 0, stderr: 0 };
  #onTheirWay = 0;

  /** Sends to this front, about the job with this unique name. */
  constructor(group: Group, front: string, uid: string) {
    this.#group = group;
    this.#subject = group.subjects.front(front, "output");
    this.#uid = uid;
  }

  /** Number of bytes of each stream, those that were dropped included. */
  get sent(): StreamTotals {
    return { ...this.#sent };
  }

  /** The command has started. */
  started(worker: { readonly id: number; readonly pid: number }): void {
    const { node } = this.#group;
    this.#send(encodeOutput({ uid: this.#uid, node, kind: "started", worker }), 0);
  }

  /** The command has written a piece. */
  output(stream: "stdout" | "stderr", bytes: Uint8Array<ArrayBuffer>): void {
    const { node, link } = this.#group;
    const length = chunkSize(link.maxPayload);
    for (let begin = 0; begin < bytes.length; begin += length) {
      const piece = bytes.subarray(begin, begin + length);
      const at = this.#sent[stream];
      this.#sent[stream] += piece.length;
      const counted = pieceBytes + piece.length;
      if (this.#onTheirWay + counted > windowBytes) continue;
      this.#send(encodeOutput({ uid: this.#uid, node, kind: stream, at }, piece), counted);
    }
  }

  #send(data: Uint8Array<ArrayBuffer>, length: number): void {
    this.#onTheirWay += length;
    const arrived = () => void (this.#onTheirWay -= length);
    this.#group.link.request(this.#subject, data, pieceMs).then(arrived, arrived);
  }
}
