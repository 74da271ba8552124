/**
 * What a shell would interpret in a command, where no shell is run: it reaches the program as it stands.
 *
 * @module
 */

/** Kinds of syntax that a shell expands, also between double quotes: how they are shown, and how they begin. */
const expansions: readonly (readonly [string, RegExp])[] = [
  // A digit is left out: prices look like that.
  ["$NAME", /\$[A-Za-z_]/],
  ["${NAME}", /\$\{/],
  ["$(…)", /\$\(/],
  ["`…`", /`/],
];

/** Kinds of syntax that count only outside quotes. A single & counts only as a word: URLs hold it. */
const operators: readonly (readonly [string, RegExp])[] = [
  ["|", /\|/],
  [">", />/],
  ["<", /</],
  ["&&", /&&/],
  ["&", /(?<!\S)&(?!\S)/],
  [";", /;/],
  ["~", /(?<!\S)~/],
];

/** An escaped character, $'…', '…', or "…", whose content is captured. */
const quoted = /\\.|\$'(?:\\.|[^'\\])*'|'[^']*'|"((?:\\.|[^"\\])*)"/gs;

/**
 * The kinds of shell syntax in a text in shell quoting, such as `|` and `$NAME`; each once, never what the text says with
 * it. On Windows a backslash is literal. `runsShell`: the program is itself a shell, which expands what stands between
 * double quotes.
 */
export function shellSyntaxIn(
  text: string,
  { os, runsShell }: { readonly os: string; readonly runsShell: boolean },
): string[] {
  const escapable = os === "windows" ? text.replaceAll("\\", "/") : text;
  const inDoubleQuotes: string[] = [];
  // A quote stands for whatever it quoted.
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
