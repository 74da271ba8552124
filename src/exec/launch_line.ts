/**
 * The one line that a launcher writes to stderr when it could not start its command: a word that nobody else knows, a blank,
 * the number of the error in three digits. It is not output of the command, so whatever may become that line is held back.
 *
 * @module
 */

import type { Launcher } from "./start.ts";

/** The beginning of a command's stderr. */
export interface LaunchLine {
  /** A piece of stderr; handed on at once unless it may be the line, or a part of it. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /**
   * The run is over: the number of the error that kept the launcher from starting its command. Undefined when the command was
   * started; then what was held back is handed on. The launcher exits with 126 or 127 and has written its one line, and
   * nothing else; `outputBytes` is how much came out of stdout.
   */
  end(exitStatus: number | undefined, outputBytes: number): number | undefined;
}

/** A byte order mark is a byte of the command like others. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Nothing has come yet. `handOn` gets what is the command's own. */
export function createLaunchLine(
  { word }: Launcher,
  handOn: (bytes: Uint8Array<ArrayBuffer>) => void,
): LaunchLine {
  const length = `${word} 000\n`.length;
  let held = "";
  let isCommands = false;

  function letGo(): void {
    isCommands = true;
    if (held !== "") handOn(new TextEncoder().encode(held));
    held = "";
  }

  return {
    write(bytes) {
      if (!isCommands) {
        const text = held.length + bytes.length <= length
          ? held + decoder.decode(bytes)
          : undefined;
        if (text !== undefined && isBeginning(text, word)) {
          held = text;
          return;
        }
        letGo();
      }
      handOn(bytes);
    },
    end(exitStatus, outputBytes) {
      const failed = (exitStatus === 126 || exitStatus === 127) && outputBytes === 0 &&
        held.length === length;
      if (failed) return Number(held.slice(word.length, -1));
      letGo();
      return undefined;
    },
  };
}

/** Whether a launcher's line may begin so: its word, a blank, three digits, a line feed. */
function isBeginning(text: string, word: string): boolean {
  return word.startsWith(text) ||
    (text.startsWith(word) && /^ (\d{0,3}|\d{3}\n)$/.test(text.slice(word.length)));
}
