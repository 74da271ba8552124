/**
 * Finds the parts of a form (`multipart/form-data`, RFC 7578) in its bytes.
 *
 * @module
 */

import type { StoringRefusal } from "./passing.ts";

/** What is found in a piece, in the order of the form. Bytes belong to the part before them. */
export type FoundPart =
  | { readonly kind: "part"; readonly headers: PartHeaders }
  | { readonly kind: "data"; readonly bytes: Uint8Array<ArrayBuffer> };

/** The headers of a part: values by names in lower case, with one character for each byte. */
export type PartHeaders = Readonly<Record<string, readonly string[]>>;

/** Reads one form. */
export interface FormParser {
  /**
   * Returns what is in the next piece, whose memory it uses: everything, at once; or a refusal, and then it must not be used any
   * more. The time this takes grows with the length of the piece.
   */
  write(piece: Uint8Array<ArrayBuffer>): readonly FoundPart[] | StoringRefusal;
  /** The form has no more pieces. Resolves with a refusal if it is not whole. */
  end(): Promise<StoringRefusal | undefined>;
}

/** The maximum number of parts of a form. */
const maxParts = 1000;

/** The maximum number of headers of a part. */
const maxHeaders = 100;

/** The maximum length of a part's headers in bytes. */
const maxHeaderBytes = 16 * 1024;

/**
 * The maximum length in bytes of the text before the first part, and of that after the last one. Neither has a meaning. Reading
 * it without a pause for writing would keep other requests waiting.
 */
const maxTextBytes = 64 * 1024;

/** Creates a parser of a form with a boundary of 1 to 70 characters; loads the package that it uses. */
export async function createFormParser(boundary: string): Promise<FormParser> {
  // In a binary, a CommonJS package that is loaded late has only this export.
  const { default: { Dicer } } = await import("@fastify/busboy");
  const settings = {
    boundary,
    // More than is allowed is found out here, since the parser would only drop it.
    maxHeaderPairs: maxHeaders + 1,
    maxHeaderSize: 2 * maxHeaderBytes,
    // It need not wait: what it finds is taken away at once.
    partHwm: 2 ** 30,
  };
  const parser = new Dicer(settings);
  let found: FoundPart[] = [];
  let refusal: StoringRefusal | undefined;
  let memory: ArrayBuffer | undefined;
  let parts = 0;
  /** Whether the headers of the latest part have not ended yet; and how many bytes have been looked at since then. */
  let isInHeaders = false;
  let bytesInHeaders = 0;
  let hasEnded = false;
  let isCutOff = false;
  let textBytes = 0;
  const end = Promise.withResolvers<void>();

  /** Leaves the parser where it is, because the rest of a piece could hold thousands of parts. */
  const refuse = (reason: StoringRefusal) => {
    refusal = reason;
    throw new Error("refused");
  };
  parser.on("part", (part) => {
    if (isInHeaders) refuse(noHeaders);
    if (++parts > maxParts) refuse(tooMany(`more than ${maxParts} parts`));
    isInHeaders = true;
    bytesInHeaders = 0;
    part.on("error", () => {});
    part.on("header", (headers: PartHeaders) => {
      isInHeaders = false;
      if (isTooLong(headers)) refuse(tooManyHeaders);
      found.push({ kind: "part", headers });
    });
    part.on("data", (bytes: Uint8Array) => {
      // The parser hands over its own memory too, and changes it in its next step.
      const view = bytes.buffer === memory
        ? new Uint8Array(memory, bytes.byteOffset, bytes.length)
        : new Uint8Array(bytes);
      found.push({ kind: "data", bytes: view });
    });
    // From now on the stream passes data on while it gets it, not in a later turn.
    part.read(0);
  });
  parser.on("finish", () => {
    hasEnded = true;
    end.resolve();
  });
  parser.on("error", () => {
    isCutOff = true;
    end.resolve();
  });

  return {
    write(piece) {
      if (hasEnded) return (textBytes += piece.length) > maxTextBytes ? tooMuchText : [];
      found = [];
      memory = piece.buffer;
      const partsBefore = parts;
      try {
        parser.write(piece);
      } catch (error) {
        return refusal ?? malformed(`it cannot be read (${(error as Error).message})`);
      }
      if (parts === 0 && (textBytes += piece.length) > maxTextBytes) return tooMuchText;
      if (isInHeaders && parts === partsBefore) bytesInHeaders += piece.length;
      return bytesInHeaders > maxHeaderBytes ? tooManyHeaders : found;
    },
    async end() {
      if (!hasEnded) parser.end();
      await end.promise;
      if (isCutOff) return malformed("it ends before its last boundary");
      return isInHeaders ? noHeaders : undefined;
    },
  };
}

function isTooLong(headers: PartHeaders): boolean {
  const lengths = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value) => name.length + value.length)
  );
  return lengths.length > maxHeaders ||
    lengths.reduce((sum, length) => sum + length, 0) > maxHeaderBytes;
}

/** The refusal of a form that breaks the rules of its format. */
export function malformed(what: string): StoringRefusal {
  return { refusal: "bad_multipart", sentence: `The form is malformed: ${what}` };
}

/** The refusal of a form with more than what is allowed. */
export function tooMany(what: string): StoringRefusal {
  return { refusal: "too_many_parts", sentence: `The form has ${what}` };
}

const tooMuchText = malformed(
  `more than ${maxTextBytes} bytes are before its first boundary or after its last one`,
);
const noHeaders = malformed("a part has no headers that end in an empty line");
const tooManyHeaders = tooMany(
  `a part with more than ${maxHeaders} headers or more than ${maxHeaderBytes} bytes of them`,
);
