/**
 * The kinds of values that settings take.
 *
 * @module
 */

import { longestTimerSec } from "../async/longest_timer.ts";

/** The kind of values that a setting takes. */
export type Kind =
  | { readonly type: "text"; readonly placeholder: string; readonly wanted: string }
  | {
    readonly type: "whole";
    readonly min: number;
    readonly max: number;
    /** A number below `min` that is also valid. */
    readonly also?: number;
    /** A number below `min` that is valid only beside some other settings: its reader checks that, and sentences do not name it. */
    readonly rarely?: number;
    readonly placeholder: string;
  }
  | {
    readonly type: "seconds";
    /** 0 if absent. */
    readonly min?: number;
    readonly max: number;
  }
  | { readonly type: "choice"; readonly of: readonly string[] };

/** The largest limit in bytes: 1 TiB. */
const maxBytes = 2 ** 40;

/** The largest JSON text that fits into a string of the runtime (just under 512 MiB). */
export const largestRequestBytes: number = 500 * 2 ** 20;

/** A number of bytes. */
export const bytes = { type: "whole", min: 0, max: maxBytes, placeholder: "BYTES" } as const;

/** A time in seconds. */
export const seconds = { type: "seconds", max: longestTimerSec } as const;

/** `on` or `off`. */
export const onOff = { type: "choice", of: ["on", "off"] } as const;

/** The last part of the name of a job's file. */
export const suffix = {
  type: "text",
  placeholder: "SUFFIX",
  wanted: "the end of a file's name, such as .png",
} as const;

/** A path; `what` says what must exist there. */
export function path(what: string): Kind & { readonly type: "text" } {
  return { type: "text", placeholder: "PATH", wanted: what };
}

/** Whether a text is a value of this kind. Empty text is not: it counts as unset. */
export function takes(kind: Kind, text: string): boolean {
  const value = Number(text);
  switch (kind.type) {
    case "text":
      return text !== "";
    case "whole":
      return /^\d+$/.test(text) &&
        (value >= kind.min && value <= kind.max || value === kind.also || value === kind.rarely);
    case "seconds":
      return /^(\d+\.?\d*|\.\d+)$/.test(text) && value >= (kind.min ?? 0) && value <= kind.max;
    case "choice":
      return kind.of.includes(text);
  }
}

/** The sentence about a value that is not valid; `detail` says why, and `wanted` is instead of what the kind requires. */
export function mustBe(kind: Kind, detail?: string, wanted: string = wantedOf(kind)): string {
  return `must be ${wanted}${detail ? ` (${detail})` : ""}`;
}

/** Says what a value must be, as a phrase to follow “must be”. */
export function wantedOf(kind: Kind): string {
  switch (kind.type) {
    case "text":
      return kind.wanted;
    case "whole":
      return `${
        kind.also === undefined ? "" : `${kind.also} or `
      }a whole number from ${kind.min} to ${kind.max}`;
    case "seconds":
      return `a number of seconds from ${kind.min ?? 0} to ${kind.max}`;
    case "choice":
      return kind.of.join(" or ");
  }
}
