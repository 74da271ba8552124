/**
 * Stores the parts of a form: files in the spool, and the values of fields in the list of all parts.
 *
 * @module
 */

import { type ByteBuffer, createByteBuffer } from "../../async/bytes.ts";
import type { FileWriter, Inbox } from "../../spool/inbox.ts";
import { headerText } from "../../wire/header_text.ts";
import {
  basename,
  hasControlCharacters,
  isLongerInUtf8,
  maxFilenameBytes,
  readParameters,
  readPartParameters,
} from "../../wire/parameters.ts";
import { malformed, type PartHeaders, tooMany } from "./multipart.ts";
import type { StoringRefusal } from "./passing.ts";

/** The maximum number of files in a form. */
const maxFiles = 100;

/** The maximum number of fields without a filename. */
const maxFields = 900;

/** The maximum length in bytes of the value of a field. */
const maxValueBytes = 64 * 1024;

/** The maximum length in bytes of the values of all fields together, which are kept in memory. */
const maxValuesBytes = 2 ** 20;

/** The maximum length in bytes of a name, and of a part's Content-Type. */
const maxNameBytes = 1024;

/** A row of `parts.json`. A text is empty if the part does not say it. */
type ListedPart =
  | { readonly name: string; readonly value: string }
  | {
    readonly name: string;
    /** Without a folder. */
    readonly filename: string;
    readonly content_type: string;
    /** Length of the file. */
    readonly bytes: number;
    /** Name of the file beside the list. */
    readonly file: string;
  };

/** The part whose data is arriving. */
type Open =
  | {
    readonly kind: "file";
    readonly row: Omit<Extract<ListedPart, { readonly file: string }>, "bytes" | "file">;
    readonly file: FileWriter;
  }
  | { readonly kind: "field"; readonly name: string; readonly value: ByteBuffer };

/** The parts of one form. Each call waits for the one before; after a refusal there are no more. */
export interface FormParts {
  /** Begins a part, which ends the one before it. */
  begin(headers: PartHeaders): Promise<StoringRefusal | undefined>;
  /** Adds data to the part, whose memory may be reused when the promise has resolved. */
  add(bytes: Uint8Array<ArrayBuffer>): Promise<StoringRefusal | undefined>;
  /** Ends the last part. */
  end(): Promise<StoringRefusal | undefined>;
  /** The text of `parts.json`, in the order of the form. */
  list(): string;
  /** Name of the first file, without a folder; empty without one. */
  readonly firstFilename: string;
}

/** Creates a store for the parts of one form. Errors of files reject, as those of the inbox do. */
export function createFormParts(inbox: Pick<Inbox, "openPart">): FormParts {
  const rows: ListedPart[] = [];
  let open: Open | undefined;
  let files = 0;
  let fields = 0;
  let valuesBytes = 0;
  let firstFilename = "";

  const end = async () => {
    if (open?.kind === "file") {
      await open.file.end();
      rows.push({ ...open.row, bytes: open.file.length, file: open.file.name });
    } else if (open) {
      const value = utf8(open.value.bytes());
      if (value === undefined) return malformed("the value of a field is not UTF-8");
      rows.push({ name: open.name, value });
    }
    open = undefined;
    return undefined;
  };

  return {
    async begin(headers) {
      const refusal = await end();
      if (refusal) return refusal;
      const part = readPart(headers);
      if ("refusal" in part) return part;
      if (!part.isFile) {
        if (++fields > maxFields) return tooMany(`more than ${maxFields} fields`);
        open = { kind: "field", name: part.row.name, value: createByteBuffer() };
        return undefined;
      }
      if (++files > maxFiles) return tooMany(`more than ${maxFiles} files`);
      if (files === 1) firstFilename = part.row.filename;
      open = { kind: "file", row: part.row, file: await inbox.openPart() };
      return undefined;
    },
    async add(bytes) {
      if (open?.kind === "file") await open.file.write(bytes);
      else if (open) {
        if (open.value.length + bytes.length > maxValueBytes) {
          return tooMany(`a field of more than ${maxValueBytes} bytes`);
        }
        valuesBytes += bytes.length;
        if (valuesBytes > maxValuesBytes) {
          return tooMany(`fields of more than ${maxValuesBytes} bytes together`);
        }
        open.value.append(bytes);
      }
      return undefined;
    },
    end,
    list: () => JSON.stringify(rows),
    get firstFilename() {
      return firstFilename;
    },
  };
}

/** What the headers of a part say. A part without a filename is a field if it is plain text, as it is without a Content-Type. */
function readPart(
  headers: PartHeaders,
): Pick<Extract<Open, { readonly kind: "file" }>, "row"> & { isFile: boolean } | StoringRefusal {
  const { type, parameters } = readPartParameters(headers["content-disposition"]?.[0] ?? "");
  const name = parameters["name"];
  if (type !== "form-data" || name === undefined) return malformed("a part has no name");
  const contentType = headers["content-type"]?.[0] ?? "";
  const isPlain = ["", "text/plain"].includes(readParameters(contentType).type);
  const row = {
    name,
    filename: basename(parameters["filename"] ?? ""),
    content_type: headerText(contentType),
  };
  if (Object.values(row).some(hasControlCharacters)) {
    return malformed("a name, filename or Content-Type contains control characters");
  }
  if (isLongerInUtf8(row.name, maxNameBytes) || isLongerInUtf8(row.content_type, maxNameBytes)) {
    return tooMany(`a name or Content-Type of more than ${maxNameBytes} bytes`);
  }
  if (isLongerInUtf8(row.filename, maxFilenameBytes)) {
    return tooMany(`a filename of more than ${maxFilenameBytes} bytes`);
  }
  return { row, isFile: !isPlain || parameters["filename"] !== undefined };
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
