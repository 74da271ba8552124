/**
 * Watches the content of the files that the configuration was read from. Events of the file system are not enough: there are
 * none when Kubernetes replaces a ConfigMap by changing a link.
 *
 * @module
 */

import { digestOf, type Digests } from "./config_reader.ts";

/** See the module's head. */
export interface ConfigWatch extends Disposable {
  /**
   * Looks every `everyMs` milliseconds, 0 for never, whether a file differs from what was read; `files` are the digests of that
   * by absolute path. Replaces what was watched before.
   */
  watch(files: Digests, everyMs: number): void;
}

/** Pause before a changed file is read again: a change counts as complete when two looks in a row find the same. */
const settleMs = 200;

/** `onChanged` is called once for each change, after it is complete. Nothing is watched yet. */
export function createConfigWatch(onChanged: () => void): ConfigWatch {
  let known: Digests = new Map();
  let everyMs = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function lookAgain(): void {
    timer = everyMs === 0 ? undefined : setTimeout(look, everyMs);
  }

  function look(): void {
    const seen = seenNow();
    if (isSame(seen, known)) lookAgain();
    else timer = setTimeout(() => settle(seen), settleMs);
  }

  function settle(before: Digests): void {
    const seen = seenNow();
    if (!isSame(seen, before)) {
      timer = setTimeout(() => settle(seen), settleMs);
      return;
    }
    lookAgain();
    if (isSame(seen, known)) return;
    known = seen;
    onChanged();
  }

  function seenNow(): Digests {
    return new Map([...known.keys()].map((path) => [path, digestOf(path)]));
  }

  return {
    watch(files, ms) {
      clearTimeout(timer);
      known = files;
      everyMs = ms;
      lookAgain();
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

function isSame(one: Digests, other: Digests): boolean {
  return one.size === other.size &&
    [...one].every(([path, digest]) => other.get(path) === digest);
}
