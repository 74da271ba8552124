/**
 * Reads the form of a request (`multipart/form-data`, RFC 7578) into files of the spool, one for each file of the form.
 *
 * @module
 */

import { readParameters } from "../../wire/parameters.ts";
import type { Share } from "./buffers.ts";
import type { StoringInbox } from "./file.ts";
import { createPartStore } from "./part_store.ts";
import { type NotStored, passBody, type Receiver, type StoringRefusal } from "./passing.ts";
import type { BodyLimits } from "./reading.ts";

/** A form whose files are stored. */
export interface StoredForm {
  /** Distinguishes it from a refusal. */
  readonly ok: true;
  /** Length of the body in bytes. */
  readonly length: number;
  /** The text of `parts.json`: files and fields in the order of the form. */
  readonly list: string;
  /** Name of the first file, without a folder; empty without one. */
  readonly filename: string;
}

/** Whether a Content-Type says that the body is a form with parts. */
export function isForm(contentType: string | null): boolean {
  return contentType !== null && readParameters(contentType).type === "multipart/form-data";
}

/**
 * Reads the whole form, whose Content-Type the request has. The caller completes the inbox with the list, or discards it. Limits,
 * pace and digest are those of the body as a whole.
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
    return { ok: false, ...malformed("its Content-Type has no boundary of 1 to 70 characters") };
  }
  const parts = createPartStore(inbox);
  const receiver = await formReceiver(boundary, parts);
  const passed = await passBody(request, limits, share, storing, receiver);
  return passed.ok ? { ...passed, list: parts.list(), filename: parts.firstFilename } : passed;
}

/** RFC 2046, section 5.1.1, without a space. */
const boundaryForm = /^[\w'()+,./:=?-]{1,70}$/;

/** The limits of a form. More headers, or longer ones, are not kept in memory. */
const most = { parts: 1000, headerPairs: 100, headerBytes: 16 * 1024 };

/** What the parser finds in a piece, in the order of the form. */
type Found =
  | { readonly kind: "part"; readonly headers: Headers }
  | { readonly kind: "data"; readonly bytes: Uint8Array };

type Stored = ReturnType<typeof createPartStore>;

/**
 * Passes a form to its parts. The parser is synchronous: when a piece has been written to it, everything in that piece has been
 * found. It is stored before the parser gets the next piece, so that nothing is held but one piece.
 */
async function formReceiver(boundary: string, parts: Stored): Promise<Receiver> {
  const { Dicer } = await import("@fastify/busboy");
  const { parts: mostParts, headerPairs, headerBytes } = most;
  const parser = new Dicer({
    boundary,
    // One more of each than is allowed shows that there are too many.
    maxHeaderPairs: headerPairs + 1,
    maxHeaderSize: 2 * headerBytes,
    // It never asks to wait.
    partHwm: 2 ** 30,
  });
  let found: Found[] = [];
  let refusal: StoringRefusal | undefined;
  let current: Uint8Array<ArrayBuffer> | undefined;
  let isPartOpen = false;
  let hasEnded = false;
  let count = 0;

  const endPart = () => {
    if (isPartOpen) refusal ??= malformed("a part has no headers, or they do not end");
    isPartOpen = false;
  };
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  parser.on("part", (part) => {
    endPart();
    isPartOpen = true;
    if (++count > mostParts) refusal ??= tooMany(`more than ${mostParts} parts`);
    part.on("error", () => {});
    part.on("header", (header) => {
      isPartOpen = false;
      const headers = header as unknown as Readonly<Record<string, string[]>>;
      const lines = Object.entries(headers).flatMap(([name, values]) =>
        values.map((value) => name.length + value.length)
      );
      if (lines.length > headerPairs || lines.reduce((sum, it) => sum + it, 0) > headerBytes) {
        refusal ??= tooMany(
          `a part with more than ${headerPairs} headers or ${headerBytes} bytes of them`,
        );
      }
      found.push({ kind: "part", headers: new Headers() });
    });
    part.on("data", (bytes: Uint8Array) => {
      // Bytes in memory of the parser's own change with its next step.
      const isOurs = bytes.buffer === current?.buffer;
      found.push({ kind: "data", bytes: isOurs ? bytes : bytes.slice() });
    });
    // From now on data is handed over while the parser finds it.
    part.read(0);
  });
  parser.on("finish", () => {
    hasEnded = true;
    end();
  });
  parser.on("error", () => end());
  return { take: async () => undefined, end: async () => undefined };
}

function malformed(what: string): StoringRefusal {
  return { refusal: "bad_multipart", sentence: `The form is malformed: ${what}` };
}

function tooMany(what: string): StoringRefusal {
  return { refusal: "too_many_parts", sentence: `The form has ${what}` };
}
