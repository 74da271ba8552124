/**
 * Finds the word that was probably meant.
 *
 * @module
 */

/** How alike two words must be, from 0 to 1. */
const enough = 0.6;

/** A word that is longer than this is not a slip of the keyboard. */
const longest = 64;

/** Asks whether another word was meant, as the end of a sentence; empty if no candidate is much like this one. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = mostSimilar(word, candidates);
  return meant === undefined ? "" : `; did you mean ${meant}?`;
}

/** The candidate that is most like a word; undefined if none is much like it. */
export function mostSimilar(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > longest) return undefined;
  const plain = word.toLowerCase().replaceAll("-", "_").replace(/^jobrunner_/, "");
  const pairs = pairsOf(plain);
  let best: string | undefined;
  let most = 0;
  for (const candidate of candidates) {
    const likeness = plain === candidate
      ? 1
      : isPart(plain, candidate) || isPart(candidate, plain)
      ? enough + diceOf(pairs, candidate) * (1 - enough)
      : diceOf(pairs, candidate);
    if (likeness < enough || likeness <= most) continue;
    best = candidate;
    most = likeness;
  }
  return best;
}

/** Whether a word begins with another, or contains a longer one. */
function isPart(part: string, whole: string): boolean {
  return part.length >= 5 ? whole.includes(part) : part.length >= 3 && whole.startsWith(part);
}

/** Dice's coefficient of the pairs of neighbouring letters of a word and those of another. */
function diceOf(pairs: readonly string[], other: string): number {
  const left = [...pairs];
  const count = Math.max(0, other.length - 1);
  let common = 0;
  for (let at = 0; at < count; at++) {
    const found = left.indexOf(other.slice(at, at + 2));
    if (found < 0) continue;
    left.splice(found, 1);
    common++;
  }
  return common === 0 ? 0 : 2 * common / (pairs.length + count);
}

function pairsOf(word: string): string[] {
  return Array.from({ length: Math.max(0, word.length - 1) }, (_, at) => word.slice(at, at + 2));
}
