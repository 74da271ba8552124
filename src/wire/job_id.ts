/**
 * The client's name for a job, wherever a request gives it.
 *
 * @module
 */

/** The maximum length of an id in characters (Unicode code points). */
export const maxIdLength = 1024;

/** Says what is wrong with an id that is not empty, as a phrase to follow its name; undefined if nothing is. */
export function errorInId(id: string): string | undefined {
  if (id.includes("\0")) return "contains a NUL character";
  return isLongerThan(id, maxIdLength) ? `is longer than ${maxIdLength} characters` : undefined;
}

function isLongerThan(text: string, codePoints: number): boolean {
  if (text.length <= codePoints) return false;
  return text.length > 2 * codePoints || [...text].length > codePoints;
}
