/**
 * Finds syntax in a command that a shell would interpret. No shell is run, so the program gets it unchanged.
 *
 * @module
 */

/** Syntax that a shell expands even between double quotes: how each kind is shown, and how it begins. */
const expansions: readonly (readonly [string, RegExp])[] = [
  // A digit does not count, since prices look like that.
  ["$NAME", /\$[A-Za-z_]/],
  ["${NAME}", /\$\{/],
  ["$(…)", /\$\(/],
  ["`…`", /`/],
];

/** Syntax that counts only outside quotes. A single & counts only as a word of its own, since URLs contain it. */
const operators: readonly (readonly [string, RegExp])[] = [
  ["|", /\|/],
  [">", />/],
  ["<", /</],
  ["&&", /&&/],
  ["&", /(?<!\S)&(?!\S)/],
  [";", /;/],
  ["~", /(?<!\S)~/],
];

/** An escaped character, $'…', '…' or "…"; of the last, the content is captured. */
const quoted = /\\.|\$'(?:\\.|[^'\\])*'|'[^']*'|"((?:\\.|[^"\\])*)"/gs;

/**
 * Returns the kinds of shell syntax in a text in shell quoting, such as `|` and `$NAME`: each once, and nothing of the text
 * itself. On Windows a backslash is literal. `runsShell` means that the program is itself a shell, which expands syntax
 * between double quotes.
 */
export function shellSyntaxIn(
  text: string,
  { os, runsShell }: { readonly os: string; readonly runsShell: boolean },
): string[] {
  const escapable = os === "windows" ? text.replaceAll("\\", "/") : text;
  const inDoubleQuotes: string[] = [];
  // A single quotation mark replaces all that was quoted.
  const unquoted = escapable.replace(quoted, (_all, content: string | undefined) => {
    if (content !== undefined) inDoubleQuotes.push(content.replace(/\\./gs, '"'));
    return '"';
  });
  const expanded = [unquoted, ...(runsShell ? [] : inDoubleQuotes)];
  return [
    ...operators.filter(([, pattern]) => pattern.test(unquoted)),
    ...expansions.filter(([, pattern]) => expanded.some((part) => pattern.test(part))),
  ].map(([shown]) => shown);
}
