/**
 * The two files of one run: the payload for the command to read, and the response file for it to write.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Captured } from "../job.ts";
import { removeWhatever } from "./removal.ts";
import type { Spool } from "./spool.ts";

/** The files of one run. */
export interface Workspace {
  /** Absolute path of the file that holds the payload. */
  readonly requestFile: string;
  /** Absolute path of the response file; empty at first. */
  readonly responseFile: string;
  /** What the command left in the response file. */
  readResponse(limit: number): Promise<ResponseFile>;
  /** Removes both files, whatever the command made of them. Throws what the file system throws. */
  remove(): void;
}

/** The response file's content, and why it is empty if that is not the command's doing. */
export interface ResponseFile {
  /** Its bytes, up to the limit. */
  readonly data: Captured;
  /** A sentence for the client, when the file could not be read. */
  readonly message?: string;
}

/**
 * Up to this size a file is written and read with one synchronous call, which costs several times less than an
 * asynchronous one; beyond it the event loop must not wait.
 */
const smallFileBytes = 256 * 1024;

/** How much of an id a file name may hold, so that the name stays within 255 bytes. */
const maxIdInName = 100;

/**
 * Creates both files, mode 0600, in the spool. A spool that was removed meanwhile is made again.
 * Throws what the file system throws; nothing is left behind then.
 */
export async function createWorkspace(
  spool: Spool,
  { workerId, id, payload, requestSuffix, responseSuffix }: {
    readonly workerId: number;
    readonly id: string;
    readonly payload: Uint8Array;
    readonly requestSuffix: string;
    readonly responseSuffix: string;
  },
): Promise<Workspace> {
  const prefix = join(spool.path, `jobdata_w_${workerId}_id_${safeFormOf(id)}`);
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const requestFile = `${prefix}_req_${random}${requestSuffix}`;
  const responseFile = `${prefix}_res_${random}${responseSuffix}`;
  const workspace: Workspace = {
    requestFile,
    responseFile,
    readResponse: (limit) => readResponse(responseFile, limit),
    remove() {
      try {
        removeWhatever(requestFile);
      } finally {
        removeWhatever(responseFile);
      }
    },
  };
  try {
    spool.ensure();
    createEmpty(responseFile);
    const options = { createNew: true, mode: 0o600 };
    if (payload.length <= smallFileBytes) Deno.writeFileSync(requestFile, payload, options);
    else await writeInPieces(requestFile, payload, options);
  } catch (error) {
    workspace.remove();
    throw error;
  }
  return workspace;
}

/** Bytes that go to or come from a large file at a time: the runtime copies what it hands to its thread pool. */
const pieceBytes = 1024 * 1024;

async function writeInPieces(
  path: string,
  bytes: Uint8Array,
  options: Omit<Deno.OpenOptions, "write">,
): Promise<void> {
  using file = await Deno.open(path, { ...options, write: true });
  for (let at = 0; at < bytes.length;) {
    at += await file.write(bytes.subarray(at, at + pieceBytes));
  }
}

/** An id as part of a file name: what is not a letter, digit, dot, dash or underscore becomes an underscore. */
function safeFormOf(id: string): string {
  return id.slice(0, maxIdInName).replace(/[^A-Za-z0-9._-]/g, "_");
}

function createEmpty(path: string): void {
  Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
}

const nothing: Captured = { bytes: new Uint8Array(), truncated: false };

/**
 * Only a regular file is read: following a link would read outside the spool, and opening a FIFO would wait for a
 * writer for ever. A descendant may still change what is there at any moment, so the open does not wait, and what was
 * opened must be what was looked at. (`O_NOFOLLOW` alone is not enough: under path permissions Deno follows the link
 * itself, seen on 2.9.6 and 2.7.11.)
 */
async function readResponse(path: string, limit: number): Promise<ResponseFile> {
  let file: number | undefined;
  try {
    const seen = Deno.lstatSync(path);
    if (!seen.isFile) return { data: nothing, message: notRegular };
    if (seen.size === 0) return { data: nothing };
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const info = fstatSync(file);
    if (info.ino !== seen.ino || info.dev !== seen.dev) {
      return { data: nothing, message: notRegular };
    }
    const bytes = new Uint8Array(Math.min(info.size, limit));
    const length = await fill(file, bytes);
    return { data: { bytes: bytes.subarray(0, length), truncated: info.size > limit } };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT") return { data: nothing };
    const reason = code === "EACCES" ? "permission denied" : "an input/output error";
    return { data: nothing, message: `the response file could not be read: ${reason}` };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const notRegular = "the response file is not a regular file and was not read";

const readAsync = promisify(read);

async function fill(file: number, bytes: Uint8Array): Promise<number> {
  let length = 0;
  while (length < bytes.length) {
    const piece = bytes.subarray(length, length + pieceBytes);
    const count = bytes.length <= smallFileBytes
      ? readSync(file, piece)
      : (await readAsync(file, piece, 0, piece.length, null)).bytesRead;
    if (count === 0) break;
    length += count;
  }
  return length;
}
