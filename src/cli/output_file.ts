/**
 * Where the response file goes.
 *
 * @module
 */

import { SendFailure } from "./send_failure.ts";

/** A file that is there, whole, or as it was before. */
export interface OutputFile extends Disposable {
  /** Puts the file there. Throws a `SendFailure`. */
  keep(data: Uint8Array): void;
}

/**
 * Found out before anything is sent: what cannot be written must not cost a run. While the job runs nothing lies there, since a
 * signal may end the program.
 */
export function openOutput(path: string): OutputFile {
  const partial = `${path}.${crypto.randomUUID().slice(0, 8)}.part`;
  const failed = (error: unknown) =>
    new SendFailure("noOutput", `${path}: cannot be written: ${(error as Error).message}`);
  try {
    Deno.writeFileSync(partial, new Uint8Array(), { createNew: true });
    Deno.removeSync(partial);
  } catch (error) {
    throw failed(error);
  }
  return {
    /** Puts the file there. Throws a `SendFailure`. */
    keep(data) {
      try {
        Deno.writeFileSync(partial, data, { createNew: true });
        Deno.renameSync(partial, path);
      } catch (error) {
        throw failed(error);
      }
    },
    [Symbol.dispose]() {
      try {
        Deno.removeSync(partial);
      } catch {
        // It has its name by now, or never was there.
      }
    },
  };
}
