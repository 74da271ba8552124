/**
 * The output that the response file is written to.
 *
 * @module
 */

import { type HeldBytes, holdBytes } from "./held_bytes.ts";
import { type ByteWriter, type OutputTarget, targetOf, writeAll } from "./output_target.ts";
import { type PartialFile, partialOf, tryOut } from "./partial_file.ts";
import { SendFailure } from "./send_failure.ts";

/** A file, or anything else that has the given name. */
export interface OutputFile extends Disposable {
  /** Begins to receive a response file, in place of which nothing is seen before `commit`. Throws a `SendFailure`. */
  receive(): IncomingFile;
  /** Writes the bytes to it. Rejects with a `SendFailure`. */
  write(data: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** A response file that is arriving. Disposing without `commit` drops it. */
export interface IncomingFile extends Disposable {
  /** Adds a piece; its memory must not be used afterwards. Rejects with a `SendFailure`. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Puts everything in its place. Rejects with a `SendFailure`. */
  commit(): Promise<void>;
}

/**
 * Opens the output. This happens before anything is sent, so that a path that cannot be written does not waste a run. A FIFO is
 * opened now, which waits for its reader, as in a shell: so the reader gets end-of-file even if there is no result. A file is not
 * changed while the job runs, since a signal may end the program. Throws a `SendFailure`.
 */
export function openOutput(path: string): OutputFile {
  const failed = (error: unknown) => {
    // After the reason, the runtime names the path that it tried, which may be a file beside this one.
    const [reason] = (error as Error).message.split(/: \w+ '/);
    return new SendFailure("noOutput", `${path}: cannot be written: ${reason}`);
  };
  const orFailed = async (writing: Promise<void>) => {
    try {
      await writing;
    } catch (error) {
      throw failed(error);
    }
  };
  let target: OutputTarget;
  try {
    target = targetOf(path);
    if (target.kind === "file") tryOut(target);
  } catch (error) {
    throw failed(error);
  }
  // A file is checked again, since a job may take days.
  const targetNow = () => target.kind === "file" ? targetOf(path) : target;
  const receive = (): IncomingFile => {
    let held: HeldBytes | PartialFile;
    try {
      const beside = targetNow();
      held = (beside.kind === "file" ? partialOf(beside) : undefined) ?? holdBytes();
    } catch (error) {
      throw failed(error);
    }
    return {
      write: (bytes) => orFailed(held.write(bytes)),
      commit: () => orFailed(put(held, targetNow())),
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  };
  return {
    receive,
    async write(data) {
      using incoming = receive();
      await incoming.write(data);
      await incoming.commit();
    },
    [Symbol.dispose]() {
      if (target.kind === "through") target.file.close();
    },
  };
}

async function put(held: HeldBytes | PartialFile, target: OutputTarget): Promise<void> {
  switch (target.kind) {
    case "stream":
      return await copy(held, target.stream);
    case "through":
      if (target.isFile) target.file.truncateSync();
      return await copy(held, target.file);
    case "file": {
      if ("replace" in held && held.replace(target)) return;
      // In place: the file is a mount point, or cannot be replaced for a reason that `partialOf` names.
      const create = target.before === undefined;
      using file = Deno.openSync(target.path, { write: true, truncate: true, create });
      return await copy(held, file);
    }
  }
}

async function copy(from: Pick<HeldBytes, "pieces">, to: ByteWriter): Promise<void> {
  for await (const piece of from.pieces()) await writeAll(to, piece);
}
