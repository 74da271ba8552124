import assert from "node:assert/strict";
import fc from "fast-check";
import { createPieceMaker, type OutputPiece } from "../../src/wire/output_piece.ts";
import { cutInto, encode, joinedBytes, outputBytes } from "../support/pieces.ts";

function piecesOf(...bytes: readonly Uint8Array<ArrayBuffer>[]): OutputPiece[] {
  const maker = createPieceMaker();
  return [...bytes.map((piece) => maker.next(piece)), maker.end()].filter((piece) =>
    piece !== undefined
  );
}

Deno.test("createPieceMaker() cuts text at characters", () => {
  const euro = encode("a€");
  assert.deepEqual(piecesOf(euro.subarray(0, 2), euro.subarray(2, 3), euro.subarray(3)), [
    { text: "a" },
    { text: "€" },
  ]);
});

Deno.test("createPieceMaker() keeps a byte order mark", () => {
  assert.deepEqual(piecesOf(encode("\ufeffa"), encode("\ufeffb")), [
    { text: "\ufeffa" },
    { text: "\ufeffb" },
  ]);
});

Deno.test("createPieceMaker() makes base64 of what is not UTF-8, and text again of what follows", () => {
  assert.deepEqual(piecesOf(new Uint8Array([0xff, 0x61]), encode("b")), [
    { base64: "/2E=" },
    { text: "b" },
  ]);
});

Deno.test("createPieceMaker() makes base64 of a character that the end of the output cuts off", () => {
  assert.deepEqual(piecesOf(encode("a€").subarray(0, 3)), [{ text: "a" }, { base64: "4oI=" }]);
});

Deno.test("createPieceMaker() makes text of every piece of text, however it is cut", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), cutInto, (text, cut) => {
    const whole = text.toWellFormed();
    const pieces = piecesOf(...cut(encode(whole)));
    assert.equal(pieces.map((piece) => "text" in piece ? piece.text : "base64").join(""), whole);
  }));
});

Deno.test("createPieceMaker() loses and adds no byte of any output", () => {
  fc.assert(fc.property(outputBytes, cutInto, (bytes, cut) => {
    const pieces = piecesOf(...cut(bytes)).map((piece) =>
      "text" in piece ? encode(piece.text) : Uint8Array.fromBase64(piece.base64)
    );
    assert.deepEqual(joinedBytes(pieces), bytes);
  }));
});
