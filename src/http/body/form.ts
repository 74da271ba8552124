/**
 * Reads the form of a request into files of the spool, one for each file of the form.
 *
 * @module
 */

import { readParameters } from "../../wire/parameters.ts";
import type { Share } from "./buffers.ts";
import type { StoringInbox } from "./file.ts";
import { createFormParts } from "./form_parts.ts";
import { createFormParser, malformed } from "./multipart.ts";
import { type NotStored, passBody } from "./passing.ts";
import type { BodyLimits } from "./reading.ts";

/** A form whose files are stored. */
export interface StoredForm {
  /** Distinguishes it from a refusal. */
  readonly ok: true;
  /** Length of the body in bytes. */
  readonly length: number;
  /** The text of `parts.json`, with which the inbox is completed. */
  readonly list: string;
  /** Name of the first file, without a folder; empty without one. */
  readonly filename: string;
}

/** Whether a Content-Type says that the body is a form of parts. */
export function isForm(contentType: string | null): boolean {
  return contentType !== null && readParameters(contentType).type === "multipart/form-data";
}

/** RFC 2046, section 5.1.1; a space is not used. */
const boundaryForm = /^[\w'()+,./:=?-]{1,70}$/;

/**
 * Reads the whole form into files of the inbox, which the caller completes or discards. Limits, pace and digest are those of the
 * body as a whole.
 */
export async function readFormToDisk(
  request: Request,
  limits: BodyLimits,
  share: Share,
  { inbox, ...storing }: StoringInbox,
): Promise<StoredForm | NotStored> {
  const { boundary } = readParameters(request.headers.get("content-type") ?? "").parameters;
  if (boundary === undefined || !boundaryForm.test(boundary)) {
    share.release();
    return {
      ok: false,
      ...malformed("its Content-Type has no boundary of 1 to 70 valid characters"),
    };
  }
  const parser = await createFormParser(boundary);
  const parts = createFormParts(inbox);
  const passed = await passBody(request, limits, share, storing, {
    // Everything in a piece is stored before the next one is read.
    async take(piece) {
      const found = parser.write(piece);
      if ("refusal" in found) return found;
      for (const it of found) {
        const refusal = await (it.kind === "part" ? parts.begin(it.headers) : parts.add(it.bytes));
        if (refusal) return refusal;
      }
      return undefined;
    },
    end: async () => await parser.end() ?? await parts.end(),
  });
  return passed.ok ? { ...passed, list: parts.list(), filename: parts.firstFilename } : passed;
}
