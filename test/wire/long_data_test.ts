import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePayloadRequest } from "../../src/wire/payload_request.ts";
import { findLongData } from "../../src/wire/long_data.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** The results of parsing a whole body, and of parsing only what is around its data. */
function bothWays(body: Uint8Array<ArrayBuffer>) {
  const whole = parsePayloadRequest(body.slice(), { fromLength: Infinity });
  const around = parsePayloadRequest(body.slice(), { fromLength: 0 });
  return { whole, around };
}

/** Bodies as clients make them, and bodies that try to mislead. */
const bodies = fc.tuple(
  fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => new Uint8Array(bytes).toBase64()),
  fc.constantFrom("", "\\n", "\n", " ", "\u00e4", "\ufeff", "\\/", "\\u0041", "*", "=", '"', "\\"),
  fc.nat(300),
  fc.constantFrom(
    (data: string) => `{"id":"i","data":"${data}"}`,
    (data: string) => `{"data" :\n"${data}", "id":"i","timeout_sec":3}`,
    (data: string) => `{"id":"i","data":"${data}","data":"YQ=="}`,
    (data: string) => `{"id":"i","data":"YQ==","data":"${data}"}`,
    (data: string) => `{"id":"\\"data\\":\\"${data}","data":"YWI="}`,
    (data: string) => `{"x":{"data":"${data}"},"id":"i","data":"YQ=="}`,
    (data: string) => `{"x":"\\"data\\":","id":"i","data":"${data}"}`,
    (data: string) => `{"id":7,"data":"${data}"}`,
    (data: string) => `{"id":"","data":"${data}"}`,
    (data: string) => `{"id":"i","data":"${data}"`,
    (data: string) => `["data","data":"${data}"]`,
    (data: string) => `{"id":"i","data":"${data}","x":tru}`,
    (data: string) => `\ufeff{"id":"i","data":"${data}"}`,
  ),
).map(([data, odd, at, frame]) => {
  const place = at % (data.length + 1);
  return frame(data.slice(0, place) + odd + data.slice(place));
});

Deno.test("findLongData() agrees with parsing the whole body", () => {
  fc.assert(
    fc.property(bodies, (body) => {
      const { whole, around } = bothWays(encode(body));
      assert.deepEqual(around, whole);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("findLongData() finds a byte that is not UTF-8 as parsing the whole body does", () => {
  fc.assert(
    fc.property(bodies, fc.nat(), fc.integer({ min: 0x80, max: 0xff }), (body, at, byte) => {
      const bytes = [...encode(body.replace(/[^\0-\x7f]/g, ""))];
      const place = at % (bytes.length + 1);
      bytes.splice(place, 0, byte);
      const { whole, around } = bothWays(new Uint8Array(bytes));
      assert.deepEqual(around, whole);
      assert.deepEqual(around, {
        ok: false,
        sentence: `The body is not UTF-8 text (byte ${place + 1} is 0x${
          byte.toString(16).toUpperCase()
        }): send UTF-8`,
      });
    }),
    { numRuns: 1000 },
  );
});

/** Compares without a printed difference, which would take minutes for so many bytes. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** A body whose data has several slices, with `odd` inserted at `place`. */
function longBody(length: number, odd: string, place: number) {
  const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8));
  const data = bytes.toBase64();
  const text = `{"id":"i","data":"${data.slice(0, place)}${odd}${data.slice(place)}"}`;
  return { bytes, body: encode(text) };
}

Deno.test("findLongData() decodes long data in place, whatever its padding", () => {
  for (const length of [49_151, 49_152, 49_153, 98_304, 200_000, 200_001]) {
    const { bytes, body } = longBody(length, "", 0);
    const parsed = parsePayloadRequest(body, { fromLength: 0 });
    assert.ok(parsed.ok);
    assert.ok(isSame(parsed.request.payload, bytes));
    assert.equal(parsed.request.payload.buffer, body.buffer);
  }
});

Deno.test("findLongData() leaves data that it cannot decode unchanged, wherever the error is", () => {
  for (const odd of [" ", "\n", "*", "\u00e4", "\ufeff", "="]) {
    for (const place of [0, 5, 65_535, 65_536, 65_537, 140_000, 200_001 / 3 * 4 | 0]) {
      const { body } = longBody(200_001, odd, place);
      const before = body.slice();
      assert.equal(findLongData(body)?.decode(), undefined);
      assert.ok(isSame(body, before), `${JSON.stringify(odd)} at ${place}`);
      const { whole, around } = bothWays(body);
      assert.equal(around.ok, whole.ok);
      if (!around.ok || !whole.ok) assert.deepEqual(around, whole);
      else assert.ok(isSame(around.request.payload, whole.request.payload));
    }
  }
});
