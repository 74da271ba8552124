/**
 * Whether a job succeeded, read from the bytes of its answer.
 *
 * @module
 */

const wanted = new TextEncoder().encode('"exit_status":0,');

/**
 * Little follows the data in an answer: this much of its end holds the key, even if the command wrote
 * some output.
 */
const tailBytes = 2048;

/**
 * Whether the answer says exit status 0. The bytes are searched first: with two cores, parsing the
 * JSON of every answer would take CPU from the server.
 */
export function hasExitStatus0(body: Uint8Array): boolean {
  for (let at = Math.max(0, body.length - tailBytes); at + wanted.length <= body.length; at++) {
    let matching = 0;
    while (matching < wanted.length && body[at + matching] === wanted[matching]) matching++;
    if (matching === wanted.length) return true;
  }
  try {
    const answer = JSON.parse(new TextDecoder().decode(body)) as { readonly exit_status?: unknown };
    return answer.exit_status === 0;
  } catch {
    // Not JSON: the caller shows the body itself.
    return false;
  }
}
