import assert from "node:assert/strict";
import fc from "fast-check";
import {
  choice,
  listOf,
  mapOf,
  numberIn,
  oneOf,
  record,
  text,
  textLike,
  wholeIn,
} from "../../src/cluster/forms.ts";

const word = textLike(/^[a-z]{1,9}$/);

const everything = record(
  {
    one: choice("a", 1, true),
    list: listOf(numberIn(0), 2),
    map: mapOf(word, wholeIn(1, 3), 2),
    either: oneOf<{ readonly x: string } | string>(record({ x: text(3) }), text(2)),
  },
  { more: word },
);

const sound = { one: "a", list: [0.5], map: { b: 2 }, either: { x: "x" } };

Deno.test("record() returns a copy of what it knows, without other members", () => {
  assert.deepEqual(everything(sound), sound);
  assert.deepEqual(everything({ ...sound, other: 1, either: { x: "", y: 1 } }), {
    ...sound,
    either: { x: "" },
  });
});

Deno.test("record() requires every member except the optional ones", () => {
  for (const key of Object.keys(sound)) {
    assert.equal(everything({ ...sound, [key]: undefined }), undefined, key);
  }
  assert.deepEqual(everything({ ...sound, more: "m" }), { ...sound, more: "m" });
  assert.deepEqual(Object.keys(everything({ ...sound, more: undefined }) ?? {}), [
    ...Object.keys(sound),
  ]);
  for (const more of [null, 1, "", "M"]) {
    assert.equal(everything({ ...sound, more }), undefined, "a wrong optional member");
  }
});

Deno.test("record() and mapOf() read objects only", () => {
  for (const value of [undefined, null, [], "", 1, true]) {
    assert.equal(record({})(value), undefined);
    assert.equal(mapOf(word, word, 9)(value), undefined);
  }
});

Deno.test("mapOf() checks names, members and their number", () => {
  const map = mapOf(word, wholeIn(1, 3), 2);
  assert.deepEqual(map({ a: 1, b: 3 }), { a: 1, b: 3 });
  for (const value of [{ A: 1 }, { a: 4 }, { a: 1, b: 1, c: 1 }]) {
    assert.equal(map(value), undefined);
  }
});

Deno.test("mapOf() keeps a member that is called __proto__ as any other", () => {
  const map = mapOf(text(9), text(9), 9)(JSON.parse('{"__proto__":"x"}'));
  assert.deepEqual(Object.entries(map ?? {}), [["__proto__", "x"]]);
});

Deno.test("listOf() checks elements and their number", () => {
  const list = listOf(word, 2);
  assert.deepEqual(list([]), []);
  assert.deepEqual(list(["a", "b"]), ["a", "b"]);
  for (const value of [["a", "b", "c"], ["a", 1], { length: 0 }, "ab", null]) {
    assert.equal(list(value), undefined);
  }
});

Deno.test("numberIn() reads finite numbers, wholeIn() whole ones", () => {
  for (const value of [NaN, Infinity, -Infinity, -1, "1", null, undefined, 1n, [1]]) {
    assert.equal(numberIn(0)(value), undefined);
    assert.equal(wholeIn(0)(value), undefined);
  }
  assert.equal(numberIn(0)(0.5), 0.5);
  assert.equal(wholeIn(0)(0.5), undefined);
  assert.equal(wholeIn(0)(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  assert.equal(wholeIn(0)(2 ** 53), undefined);
  assert.equal(wholeIn(-1, 2)(3), undefined);
});

Deno.test("text() reads texts up to a length, without NUL", () => {
  assert.equal(text(2)("ab"), "ab");
  assert.equal(text(2)(""), "");
  for (const value of ["abc", "\0", 1, null]) assert.equal(text(2)(value), undefined);
});

Deno.test("textLike() reads the whole of a text", () => {
  for (const value of ["a\n", "", "A", 1, null, ["a"]]) assert.equal(word(value), undefined);
});

Deno.test("a form does not throw for any value, and returns its own copy unchanged", () => {
  const values = fc.oneof(
    fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }),
    fc.record({
      one: fc.constantFrom<unknown>("a", 1, true, false),
      list: fc.array(fc.oneof(fc.double(), fc.string())),
      map: fc.dictionary(fc.string(), fc.nat(4)),
      either: fc.oneof(fc.string(), fc.record({ x: fc.string() })),
    }),
  );
  fc.assert(fc.property(values, (value) => {
    const copy = everything(value);
    assert.deepEqual(everything(copy), copy);
  }));
});
