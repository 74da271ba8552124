/**
 * Reads a request's body into one file of the spool.
 *
 * @module
 */

import type { FileWriter, Inbox } from "../../spool/inbox.ts";
import type { Share } from "./buffers.ts";
import { type NotStored, passBody, type Storing } from "./passing.ts";
import type { BodyLimits } from "./reading.ts";

/** Where a body is stored, besides what counts and checks it. */
export interface StoringInbox extends Storing {
  /** The folder of the job. */
  readonly inbox: Inbox;
}

/**
 * Reads the whole body into a file of the inbox, which the caller completes or discards. An empty body is an empty file. The
 * length is in bytes.
 */
export async function readBodyToDisk(
  request: Request,
  limits: BodyLimits,
  share: Share,
  { inbox, ...storing }: StoringInbox,
): Promise<{ readonly ok: true; readonly length: number } | NotStored> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  let file: FileWriter | undefined;
  return await passBody(request, limits, share, storing, {
    async take(piece) {
      file ??= await inbox.openBody(announced);
      await file.write(piece);
      return undefined;
    },
    async end() {
      file ??= await inbox.openBody(0);
      await file.end();
      return undefined;
    },
  });
}
