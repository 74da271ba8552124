/**
 * Writes a payload that comes over the network into the folder of its job.
 *
 * @module
 */

import type { JobInput } from "../jobs/job.ts";
import type { FileWriter, Inbox } from "../spool/inbox.ts";
import type { PayloadForm } from "./messages.ts";

/** Takes the bytes of a payload, in their order. */
export interface FileFiller {
  /** Takes the next piece. Rejects with errors of the file system. */
  take(piece: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All pieces were taken. Resolves with the payload. */
  end(): Promise<JobInput>;
}

/** Fills the one file of a body, or the files of a form one after the other; the list of the parts follows them. */
export function fileFiller(inbox: Inbox, form: PayloadForm): FileFiller {
  const lengths = form.kind === "parts" ? form.lengths : [form.length];
  const list = new Uint8Array(form.kind === "parts" ? form.listLength : 0);
  let listed = 0;
  let index = 0;
  let left = lengths[0] ?? 0;
  let file: FileWriter | undefined;

  const open = () => form.kind === "parts" ? inbox.openPart() : inbox.openBody(form.length);

  /** Ends the files that are full; of the next one there is more to come. */
  async function endFull(): Promise<void> {
    while (left === 0 && index < lengths.length) {
      file ??= await open();
      await file.end();
      file = undefined;
      left = lengths[++index] ?? 0;
    }
  }

  return {
    async take(piece) {
      for (let at = 0; at < piece.length;) {
        await endFull();
        if (index === lengths.length) {
          list.set(piece.subarray(at), listed);
          listed += piece.length - at;
          return;
        }
        file ??= await open();
        const part = piece.subarray(at, at + left);
        await file.write(part);
        at += part.length;
        left -= part.length;
      }
    },
    async end() {
      await endFull();
      return inbox.complete(form.kind === "parts" ? new TextDecoder().decode(list) : undefined);
    },
  };
}
