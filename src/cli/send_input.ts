/**
 * What the command line of `jobrunner send` says to post.
 *
 * @module
 */

import { basename } from "node:path";
import type { SentField } from "./form_body.ts";
import { SendFailure } from "./send_failure.ts";

/** What `send` posts. */
export type SendInput =
  /** A file by its path; `-` for standard input. */
  | { readonly kind: "file"; readonly path: string }
  /** A form. */
  | { readonly kind: "form"; readonly fields: readonly SentField[] };

/** Reads the arguments that name files, and the values of `--form`. Throws a `SendFailure` of the kind `usage`. */
export function sendInputOf(files: readonly string[], form: readonly string[]): SendInput {
  const [path, ...more] = files;
  if (form.length > 0) {
    if (path !== undefined) throw new SendFailure("usage", "FILE: must be left out with --form");
    return { kind: "form", fields: formFields(form) };
  }
  if (path === undefined || path === "" || more.length > 0) {
    throw new SendFailure("usage", "FILE: must be one file, or - for standard input");
  }
  return { kind: "file", path };
}

/** Reads the values of `--form`. Sentences show names only, since a value may be a password. */
function formFields(texts: readonly string[]): readonly SentField[] {
  const fields = texts.map((text): SentField => {
    const [, name, at, value] = /^([^=]+)=(@?)(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined || at === "@" && value === "") {
      throw new SendFailure(
        "usage",
        `--form${nameIn(text)}: must be a field as NAME=VALUE or NAME=@FILE`,
      );
    }
    return at === "@" ? { name, file: value } : { name, value };
  });
  if (fields.filter((field) => "file" in field && field.file === "-").length > 1) {
    throw new SendFailure("usage", "--form: must name standard input (@-) only once");
  }
  return fields;
}

/** The name of a field as it follows the flag; nothing of a text that may be a value. */
function nameIn(text: string): string {
  const equals = text.indexOf("=");
  return equals < 0 ? "" : `=${text.slice(0, equals)}`;
}

/** The id of a job for which none is given. */
export function idOf(input: SendInput): string {
  const path = input.kind === "file"
    ? input.path
    : input.fields.flatMap((field) => "file" in field ? [field.file] : [])[0];
  if (path === undefined) return "form";
  return path === "-" ? "stdin" : basename(path);
}
