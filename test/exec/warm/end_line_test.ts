import assert from "node:assert/strict";
import fc from "fast-check";
import { type JobEnd, JobStream, newWord } from "../../../src/exec/warm/end_line.ts";
import { cutInto, encode, joinedBytes } from "../../support/pieces.ts";
import { nextTurn } from "../../support/turn.ts";

const word = "0123456789abcdef0123456789abcdef";
const wordBefore = "f".repeat(32);

/** All that a stream reported of a job. */
interface Seen {
  readonly stream: JobStream;
  readonly passed: Uint8Array<ArrayBuffer>[];
  readonly ends: JobEnd[];
  stray: number;
}

function newStream(job: { readonly wordBefore: string | undefined } = { wordBefore }): Seen {
  const passed: Uint8Array<ArrayBuffer>[] = [];
  const ends: JobEnd[] = [];
  const stream = new JobStream({
    word,
    ...job,
    passOn(bytes) {
      assert.ok(bytes.length > 0, "no piece is empty");
      assert.equal(ends.length, 0, "no byte of the job comes after its end");
      passed.push(bytes.slice());
    },
    onEnd: (end) => void ends.push(end),
    onStray: (bytes) => void (seen.stray += bytes),
  });
  const seen: Seen = { stream, passed, ends, stray: 0 };
  return seen;
}

/** What a stream reports of these pieces, after a flush if the job has not ended. */
function seenOf(pieces: readonly Uint8Array<ArrayBuffer>[]) {
  const seen = newStream();
  const { stream, passed, ends } = seen;
  for (const piece of pieces) {
    const memory = piece.slice();
    assert.equal(stream.write(memory), undefined);
    // The memory of a piece is reused.
    memory.fill(0x2e);
  }
  if (!stream.ended) stream.flush();
  return { own: joinedBytes(passed), ends, stray: seen.stray };
}

const seenOfText = (text: string) => seenOf([encode(text)]);

/** Bytes that resemble end lines, and any others. */
const bytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.array(
  fc.oneof(
    fc.constantFrom(
      "\x1e",
      `\x1e${word.slice(0, 31)}`,
      `\x1e${word.slice(1)} 0\n`,
      `\x1e${word} `,
      `\x1e${word} 3`,
      `\x1e${word} 256\n`,
      `\x1e${word} 0 leavin`,
      `\x1e${word} 0 leaving\r`,
      `\x1e${word} 0\r`,
      `\x1e${wordBefore.slice(1)}`,
      `${word} 0\n`,
      "\n",
      "0\n",
    ).map(encode),
    fc.uint8Array({ maxLength: 20 }).map((any) => new Uint8Array(any)),
  ),
  { maxLength: 20 },
).map(joinedBytes);

const ends = fc.record(
  { status: fc.nat(255), leaving: fc.boolean() },
  { noNullPrototype: true },
);

const lineOf = ({ status, leaving }: JobEnd, lineFeed: string, of: string = word) =>
  encode(`\x1e${of} ${status}${leaving ? " leaving" : ""}${lineFeed}`);

/** Whether the bytes, by another rule than the code's, have no end line of this job or of the one before. */
function hasNoLine(own: Uint8Array): boolean {
  const text = String.fromCharCode(...own);
  const status = "(\\d{1,2}|[01]\\d\\d|2[0-4]\\d|25[0-5])";
  return !new RegExp(`\\x1e(${word}|${wordBefore}) ${status}( leaving)?\\r?\\n`).test(text);
}

Deno.test("JobStream splits a stream at the end line in the same way, whatever the bytes and the pieces", () => {
  fc.assert(
    fc.property(
      bytes.filter(hasNoLine),
      ends,
      fc.constantFrom("\n", "\r\n"),
      bytes,
      cutInto,
      (own, end, lineFeed, behind, cut) => {
        const all = joinedBytes([own, lineOf(end, lineFeed), behind]);
        // The beginning of an end line may be the end of the output.
        fc.pre(hasNoLine(all.subarray(0, all.length - behind.length - 1)));
        assert.deepEqual(seenOf(cut(all)), { own, ends: [end], stray: behind.length });
      },
    ),
  );
});

Deno.test("JobStream passes on all bytes of a stream without an end line of its word", () => {
  const otherWord = fc.stringMatching(/^[0-9a-f]{32}$/)
    .filter((other) => other !== word && other !== wordBefore);
  fc.assert(
    fc.property(bytes.filter(hasNoLine), otherWord, ends, cutInto, (own, other, end, cut) => {
      const all = joinedBytes([own, lineOf(end, "\n", other), own]);
      fc.pre(hasNoLine(all));
      assert.deepEqual(seenOf(cut(all)), { own: all, ends: [], stray: 0 });
    }),
  );
});

Deno.test("JobStream drops a late end line of the job before, and counts it as stray", () => {
  fc.assert(
    fc.property(bytes, bytes, ends, cutInto, (first, second, end, cut) => {
      const late = lineOf(end, "\n", wordBefore);
      fc.pre(hasNoLine(joinedBytes([first, late.subarray(0, -1), second])));
      fc.pre(hasNoLine(joinedBytes([first, second])));
      assert.deepEqual(seenOf(cut(joinedBytes([first, late, second]))), {
        own: joinedBytes([first, second]),
        ends: [],
        stray: late.length,
      });
    }),
  );
});

Deno.test("JobStream takes the end line of the job before for output if there was no job before", () => {
  const seen = newStream({ wordBefore: undefined });
  const line = lineOf({ status: 0, leaving: false }, "\n", wordBefore);
  void seen.stream.write(line);
  assert.deepEqual(joinedBytes(seen.passed), line);
  assert.deepEqual([seen.ends, seen.stray], [[], 0]);
});

Deno.test("JobStream accepts each exit status from 0 to 255, and no other", () => {
  for (let status = 0; status <= 255; status++) {
    const { own, ends } = seenOfText(`\x1e${word} ${status}\n`);
    assert.deepEqual([own.length, ends], [0, [{ status, leaving: false }]]);
  }
  for (
    const tail of [
      "256",
      "999",
      "1000",
      "",
      "-1",
      "+1",
      "1.0",
      "0x1",
      " 1",
      "1 ",
      "1\r\r",
      "0000",
      "a",
    ]
  ) {
    const line = `\x1e${word} ${tail}\n`;
    assert.deepEqual(seenOfText(line), { own: encode(line), ends: [], stray: 0 }, tail);
  }
});

Deno.test("JobStream reports an end line with ` leaving`, and takes a similar one for output", () => {
  const { ends } = seenOfText(`\x1e${word} 7 leaving\n`);
  assert.deepEqual(ends, [{ status: 7, leaving: true }]);
  for (const tail of ["7 leavin", "7 leaving ", "7  leaving", "7 LEAVING", "leaving", "7leaving"]) {
    assert.deepEqual(seenOfText(`\x1e${word} ${tail}\n`).ends, [], tail);
  }
});

Deno.test("JobStream passes output on at once, apart from what may begin an end line", () => {
  const seen = newStream();
  const text = () => new TextDecoder().decode(joinedBytes(seen.passed));
  void seen.stream.write(encode(`a\x1e${word}`));
  assert.equal(text(), "a");
  void seen.stream.write(encode(" 25"));
  assert.equal(text(), "a");
  void seen.stream.write(encode("6"));
  void seen.stream.write(encode("\n"));
  assert.equal(text(), `a\x1e${word} 256\n`);
});

Deno.test("JobStream.flush() passes on the beginning of an end line that was never completed", () => {
  const seen = newStream();
  void seen.stream.write(encode(`out\x1e${word} 0`));
  void seen.stream.flush();
  void seen.stream.flush();
  assert.deepEqual(joinedBytes(seen.passed), encode(`out\x1e${word} 0`));
  assert.equal(seen.stream.ended, false);
});

Deno.test("JobStream counts what is behind the end line as stray, in the same piece and in later ones", () => {
  const seen = newStream();
  void seen.stream.write(encode(`\x1e${word} 0\n12345`));
  assert.ok(seen.stream.ended);
  void seen.stream.write(lineOf({ status: 3, leaving: false }, "\n"));
  assert.deepEqual([seen.ends.length, seen.passed.length], [1, 0]);
  assert.equal(seen.stray, 5 + `\x1e${word} 3\n`.length);
});

Deno.test("JobStream waits for a listener that returns a promise before it passes on more or reports the end", async () => {
  const events: string[] = [];
  const handled = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const stream = new JobStream({
    word,
    wordBefore,
    passOn(own) {
      events.push(new TextDecoder().decode(own));
      return handled[events.length - 1]?.promise;
    },
    onEnd: ({ status }) => void events.push(`end ${status}`),
    onStray: (length) => void events.push(`stray ${length}`),
  });
  await stream.write(encode(""));
  const held = encode(`\x1e${word}`);
  assert.equal(stream.write(held), undefined);
  let isWritten = false;
  const written = Promise.resolve(stream.write(encode(`xy\x1e${word} 9\nz`)))
    .then(() => isWritten = true);
  await nextTurn();
  assert.deepEqual(events, [`\x1e${word}`]);
  handled[0]?.resolve();
  await nextTurn();
  assert.deepEqual([events.slice(1), isWritten], [["xy"], false]);
  handled[1]?.resolve();
  await written;
  assert.deepEqual(events.slice(2), ["end 9", "stray 1"]);
});

Deno.test("JobStream passes on millions of bytes that may each begin an end line", () => {
  const own = new Uint8Array(3_000_000).fill(0x1e);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < own.length; at += 65_536) pieces.push(own.subarray(at, at + 65_536));
  const end = { status: 0, leaving: false };
  const seen = seenOf([...pieces, lineOf(end, "\n")]);
  assert.equal(seen.own.length, own.length);
  assert.ok(seen.own.every((byte) => byte === 0x1e));
  assert.deepEqual([seen.ends, seen.stray], [[end], 0]);
});

Deno.test("newWord() makes 32 hexadecimal digits, new ones for each job", () => {
  const words = Array.from({ length: 1000 }, newWord);
  for (const made of words) assert.match(made, /^[0-9a-f]{32}$/);
  assert.equal(new Set(words).size, words.length);
});
