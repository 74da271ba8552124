/**
 * Makes values safe to show in a sentence: they may contain a secret or line breaks.
 *
 * @module
 */

/** Replaces a secret. */
const hidden = "***";

/** Every character that could break a line, change the direction of text or control a terminal. */
export const unsafeCharacters = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** A character as `\uXXXX`. */
export function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Escapes every unsafe character. */
export function oneLine(text: string): string {
  return text.replace(unsafeCharacters, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1);
    return escaped === character ? unicodeEscape(character) : escaped;
  });
}

/** A scheme, a host, a port and a path, none of which can contain a password. */
const plainUrl =
  /^([a-z][a-z\d+.-]*:\/\/)?(\[[\da-f:.]*\]|[\w.-]*)(:\d{0,5})?(\/(?!\/)[^\s\\:?#@%]*)?$/i;

/**
 * Shows a value that should be a URL but may be anything: the value itself if no part of it can be a password; otherwise
 * nothing of it, since it is not known where the password begins in a malformed URL.
 */
export function shownUrl(value: string): string {
  return plainUrl.test(value) ? value : hidden;
}

/**
 * Removes passwords and keys from a URL, or from a sentence of another program: everything before the last `@`, and queries
 * and fragments.
 */
export function withoutUrlSecrets(text: string): string {
  const at = text.lastIndexOf("@");
  if (at >= 0) {
    const slashes = text.indexOf("//");
    const from = slashes >= 0 && slashes < at ? slashes + 2 : 0;
    text = text.slice(0, from) + hidden + text.slice(at);
  }
  return text.replace(/([?#])\S+/g, `$1${hidden}`);
}

/** Shows the value of a setting in a sentence. It may be a URL with a password, even where none belongs. */
export function shownValue(value: string): string {
  return oneLine(/:\/\/|:.*@/s.test(value) ? withoutUrlSecrets(value) : value);
}

/** Shows an unexpected argument; of `NAME=value` only the name. */
export function shownArgument(argument: string): string {
  const equals = argument.indexOf("=");
  return oneLine(equals < 0 ? argument : `${argument.slice(0, equals)}=${hidden}`);
}

/** Shows an unknown flag, up to the first character that cannot be part of a flag's name. */
export function shownFlag(flag: string): string {
  return /^-*[\w-]*/.exec(flag)?.[0] ?? "";
}
