/**
 * An answer that is made in pieces.
 *
 * @module
 */

/** Up to this size an answer is one string; beyond it a stream. */
const joinedLength = 2 ** 20;

/** The pieces as one body: small answers are cheapest in one piece, large ones would not fit into a string. */
export function joined(pieces: Iterable<string>): string | ReadableStream<Uint8Array<ArrayBuffer>> {
  let text = "";
  const rest = pieces[Symbol.iterator]();
  for (let piece = rest.next(); !piece.done; piece = rest.next()) {
    text += piece.value;
    if (text.length > joinedLength) return streamed(text, rest);
  }
  return text;
}

function streamed(first: string, rest: Iterator<string>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let next: string | undefined = first;
  return new ReadableStream({
    pull(controller) {
      if (next === undefined) return controller.close();
      controller.enqueue(encoder.encode(next));
      const piece = rest.next();
      next = piece.done ? undefined : piece.value;
    },
  });
}
