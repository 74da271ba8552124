/**
 * The form that `jobrunner send --form` posts, as `multipart/form-data` (RFC 7578).
 *
 * @module
 */

import { basename } from "node:path";
import { checkInput, type Input, inputOf, readingOf } from "./input.ts";
import type { SendFailure } from "./send_failure.ts";

/** The body of a request, which can be read several times. */
export interface JobContent {
  /** The value of Content-Type. */
  readonly contentType: string;
  /** The value of Content-Disposition, which names the file; undefined if it has no name. */
  readonly contentDisposition?: string;
  /** Length in bytes. */
  readonly length: number;
  /** Rejects with a `SendFailure` if a file cannot be opened now. */
  check(): Promise<void>;
  /** The body from its first byte. Calls `onFailure` before it throws because a file cannot be read, or is no longer as it was. */
  pieces(onFailure: (failure: SendFailure) => void): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** Media type of a form. */
export const formType = "multipart/form-data";

/** A field of a form: a text, or a file by its path, `-` for standard input. */
export type SentField =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly file: string };

/** Opens the files of a form and computes its length. Disposing removes what was kept of them. Rejects with a `SendFailure`. */
export async function formContent(
  fields: readonly SentField[],
): Promise<JobContent & Disposable> {
  using opened = new DisposableStack();
  const boundary = `jobrunner-${crypto.randomUUID().replaceAll("-", "")}`;
  const utf8 = new TextEncoder();
  const parts: { readonly head: Uint8Array<ArrayBuffer>; readonly input?: Input }[] = [];
  for (const field of fields) {
    const begin = `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(field.name)}"`;
    if ("value" in field) {
      parts.push({ head: utf8.encode(`${begin}\r\n\r\n${field.value}`) });
      continue;
    }
    const filename = quoted(field.file === "-" ? "stdin" : basename(field.file));
    parts.push({
      head: utf8.encode(
        `${begin}; filename="${filename}"\r\ncontent-type: application/octet-stream\r\n\r\n`,
      ),
      input: opened.use(await inputOf(field.file)),
    });
  }
  const lineEnd = utf8.encode("\r\n");
  const end = utf8.encode(`--${boundary}--\r\n`);
  const kept = opened.move();
  return {
    contentType: `${formType}; boundary=${boundary}`,
    length: parts.reduce(
      (sum, { head, input }) => sum + head.length + (input?.size ?? 0) + lineEnd.length,
      end.length,
    ),
    async check() {
      for (const { input } of parts) if (input) await checkInput(input);
    },
    async *pieces(onFailure: (failure: SendFailure) => void) {
      for (const { head, input } of parts) {
        yield head;
        if (input) yield* readingOf(input, onFailure);
        yield lineEnd;
      }
      yield end;
    },
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** A name within quotes, in which browsers escape these characters (HTML, "multipart/form-data encoding algorithm"). */
function quoted(name: string): string {
  return name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}
