/**
 * Lines such as `::progress 40 page 4 of 10`, by which a command reports on stderr how far it is.
 *
 * The number is 0 to 100, with decimals and a percent sign if the command likes; the text may be absent, and spaces at its end,
 * which cmd.exe adds before `1>&2`, are dropped. The line ends in `\n` or `\r\n`, is UTF-8 and has at most 1 KiB with its end.
 * Any other line is ordinary output.
 *
 * @module
 */

import { joined } from "../async/bytes.ts";

/** How far a command is. */
export interface ProgressReport {
  /** 0 to 100. */
  readonly percent: number;
  /** What it is doing; may be empty. */
  readonly text: string;
}

/** Separates progress lines from the rest of a stream. */
export interface ProgressFilter {
  /** Takes the next bytes. The beginning of a line is held back as long as it can become a progress line. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** The stream is over, or has a gap here: what is held back is ordinary output. */
  end(): void;
}

/** Maximum length of a progress line in bytes, its end included. */
const maxLineBytes = 1024;

const lineFeed = 0x0a;
const colon = 0x3a;
const beginning = "::progress ";

/**
 * Makes a filter for one stream. `onOutput` is called with ordinary output, whose memory is reused when it returns, `onProgress`
 * with each report; both in the order of the stream.
 */
export function createProgressFilter(
  onOutput: (bytes: Uint8Array<ArrayBuffer>) => void,
  onProgress: (report: ProgressReport) => void,
): ProgressFilter {
  let held = new Uint8Array();
  let atLineStart = true;

  return {
    write(piece) {
      const bytes = joined(held, piece);
      if (bytes.length === 0) return;
      let from = 0;
      let line = atLineStart ? 0 : lineAfter(bytes, 0);
      held = new Uint8Array();
      for (; line < bytes.length; line = lineAfter(bytes, line)) {
        if (bytes[line] !== colon) continue;
        const next = lineAfter(bytes, line);
        if (bytes[next - 1] !== lineFeed) {
          if (canBecomeReport(bytes.subarray(line))) held = bytes.slice(line);
          break;
        }
        const report = reportIn(bytes.subarray(line, next));
        if (!report) continue;
        if (from < line) onOutput(bytes.subarray(from, line));
        onProgress(report);
        from = next;
      }
      atLineStart = held.length > 0 || bytes.at(-1) === lineFeed;
      const end = bytes.length - held.length;
      if (from < end) onOutput(bytes.subarray(from, end));
    },
    end() {
      if (held.length > 0) onOutput(held);
      held = new Uint8Array();
    },
  };
}

/** Where the line after the one at a position begins; the length if that line has no end. */
function lineAfter(bytes: Uint8Array, at: number): number {
  const end = bytes.indexOf(lineFeed, at);
  return end < 0 ? bytes.length : end + 1;
}

function reportIn(line: Uint8Array<ArrayBuffer>): ProgressReport | undefined {
  if (line.length > maxLineBytes) return undefined;
  const found = /^::progress (\d{1,3}(?:\.\d+)?)%?(?: (.*?))?\r?\n$/s.exec(textOf(line) ?? "");
  if (!found) return undefined;
  const percent = Number(found[1]);
  return percent <= 100 ? { percent, text: (found[2] ?? "").trimEnd() } : undefined;
}

/** Whether bytes without a line's end may be the first ones of a progress line. */
function canBecomeReport(bytes: Uint8Array<ArrayBuffer>): boolean {
  if (bytes.length >= maxLineBytes) return false;
  const text = textOf(bytes);
  if (text === undefined) return false;
  if (text.length <= beginning.length) return beginning.startsWith(text);
  if (!text.startsWith(beginning)) return false;
  const rest = text.slice(beginning.length);
  return /^\d{1,3}(?:\.\d*|(?:\.\d+)?%?(?:\r| .*)?)$/s.test(rest) && parseFloat(rest) <= 100;
}

/** Decodes UTF-8, apart from an incomplete character at the end; undefined for other bytes. */
function textOf(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, {
      stream: true,
    });
  } catch {
    return undefined;
  }
}
