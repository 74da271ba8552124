/**
 * The flags of a subcommand. Sentences about unknown arguments never show a value, since it may be a password.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { shownArgument, shownFlag } from "./shown.ts";

/** A flag by its name, without dashes. */
export interface Flag {
  /** What its value must be; absent for a flag without a value. */
  readonly wanted?: string;
  /** Its one-letter form. */
  readonly short?: string;
}

/** The flags and arguments of a command line. */
export interface GivenFlags {
  /** Values of flags that take one; the last of several counts. */
  readonly values: ReadonlyMap<string, string>;
  /** All values of flags that take one, in their order. */
  readonly all: ReadonlyMap<string, readonly string[]>;
  /** Flags without a value. */
  readonly switches: ReadonlySet<string>;
  /** Arguments before `--` that do not belong to a flag. */
  readonly positionals: readonly string[];
  /** All arguments after `--`; undefined without it. */
  readonly rest: readonly string[] | undefined;
  /** Errors, one line each. */
  readonly errors: readonly string[];
}

/**
 * Reads arguments. In error sentences, `unknown` follows the name of a flag that is not in `flags`, and `stray` an argument that
 * does not belong to a flag; without `stray`, such arguments are allowed. An argument directly after something unknown is
 * taken for a part of it and not shown.
 */
export function readFlags(
  args: readonly string[],
  flags: ReadonlyMap<string, Flag>,
  { unknown, stray }: { readonly unknown: string; readonly stray?: string },
): GivenFlags {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [...flags].map(([name, { wanted, short }]) => [name, {
        type: wanted === undefined ? "boolean" as const : "string" as const,
        ...(short === undefined ? {} : { short }),
      }]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string>();
  const all = new Map<string, string[]>();
  const switches = new Set<string>();
  const positionals: string[] = [];
  const errors: string[] = [];
  let rest: readonly string[] | undefined;
  /** Index of the last argument that is, or belongs to, something unknown; and of the last that may take a value. */
  let unknownAt = -Infinity;
  let openAt = -Infinity;
  for (const token of tokens) {
    if (token.kind === "option-terminator") {
      rest = args.slice(token.index + 1);
      break;
    }
    // Letters after one dash are tokens of one argument.
    if (token.kind === "option" && token.index === unknownAt) continue;
    const flag = token.kind === "option" ? flags.get(token.name) : undefined;
    if (token.kind === "option" && flag) {
      const { rawName, name, value, inlineValue } = token;
      const isForgotten = value === undefined || !inlineValue && /^-./.test(value);
      if (flag.wanted === undefined) {
        if (value === undefined) switches.add(name);
        else errors.push(`${rawName}: must be given no value`);
      } else if (isForgotten) {
        errors.push(`${rawName}: must be given a value: ${flag.wanted}`);
        // A flag stands in place of the value; its own value may follow.
        if (value !== undefined) unknownAt = openAt = token.index + 1;
      } else {
        values.set(name, value);
        all.set(name, [...all.get(name) ?? [], value]);
      }
      continue;
    }
    const isPart = token.kind === "positional"
      ? token.index - unknownAt <= 1
      // A value may begin with a dash.
      : token.value === undefined && token.index - openAt === 1;
    if (token.kind === "positional" && stray === undefined && !isPart) {
      positionals.push(token.value);
      continue;
    }
    unknownAt = token.index;
    if (token.kind === "option" && token.value === undefined) openAt = token.index;
    if (isPart) continue;
    errors.push(
      token.kind === "positional"
        ? `${shownArgument(token.value)}: ${stray}`
        : `${shownFlag(token.rawName)}: ${unknown}`,
    );
  }
  return { values, all, switches, positionals, rest, errors };
}
