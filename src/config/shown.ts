/**
 * What may be shown, in a sentence, of a value that may hold a secret or is not one line.
 *
 * @module
 */

/** Where a secret stood. */
const hidden = "***";

/** A sentence is one line and reads as it is written, whatever the value in it holds: a terminal obeys nothing of it. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1);
    if (escaped !== character) return escaped;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Scheme, host, port and path, none of which can hold a password. */
const plainUrl =
  /^([a-z][a-z\d+.-]*:\/\/)?(\[[\da-f:.]*\]|[\w.-]*)(:\d{0,5})?(\/(?!\/)[^\s\\:?#@%]*)?$/i;

/**
 * A value that should be a URL and may be anything: itself if there is no place for a password in it, else nothing of it,
 * since of a malformed one nobody knows where the password begins.
 */
export function shownUrl(value: string): string {
  return plainUrl.test(value) ? value : hidden;
}

/**
 * A sentence of somebody else's, or a URL, without what stands before the last `@` and without queries: that is where URLs
 * hold passwords and keys.
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

/** The value of a setting in a sentence: somebody may have put a URL with a password where it does not belong. */
export function shownValue(value: string): string {
  return oneLine(/:\/\/|:.*@/s.test(value) ? withoutUrlSecrets(value) : value);
}

/** An argument nobody asked for: of `NAME=value` only the name. */
export function shownArgument(argument: string): string {
  const equals = argument.indexOf("=");
  return oneLine(equals < 0 ? argument : `${argument.slice(0, equals)}=${hidden}`);
}

/** A flag nobody knows, up to what cannot be part of a flag's name. */
export function shownFlag(flag: string): string {
  return /^-*[\w-]*/.exec(flag)?.[0] ?? "";
}
