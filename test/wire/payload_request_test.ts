import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePayloadRequest } from "../../src/wire/payload_request.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function sentence(body: string): string {
  const parsed = parsePayloadRequest(encode(body));
  assert.ok(!parsed.ok, `accepted: ${body}`);
  return parsed.sentence;
}

Deno.test("parsePayloadRequest() returns the id and the bytes, whatever they are", () => {
  fc.assert(fc.property(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }).filter((id) =>
      !id.includes("\0")
    ),
    fc.uint8Array({ minLength: 1, maxLength: 1000 }),
    (id, bytes) => {
      const data = new Uint8Array(bytes).toBase64();
      const parsed = parsePayloadRequest(encode(JSON.stringify({ other: [1], id, data })));
      assert.ok(parsed.ok);
      assert.equal(parsed.request.id, id);
      assert.deepEqual(parsed.request.payload, new Uint8Array(bytes));
    },
  ));
});

Deno.test("parsePayloadRequest() has a sentence for each error of a request", () => {
  assert.match(sentence('{"id": secret'), /^The body is not valid JSON( \(at position \d+\))?$/);
  assert.match(sentence(" "), /^The body is not valid JSON/);
  assert.equal(sentence(""), "The body is empty");
  assert.equal(sentence("[]"), "The body is not a JSON object but an array");
  assert.equal(sentence("null"), "The body is not a JSON object but null");
  assert.equal(sentence('{"id":1,"data":"YQ=="}'), "Json key 'id' is not a string but a number");
  assert.equal(sentence('{"id":"x","data":{}}'), "Json key 'data' is not a string but an object");
  assert.equal(sentence('{"data":"YQ=="}'), "Json key 'id' missing or empty");
  assert.equal(sentence('{"id":"","data":"YQ=="}'), "Json key 'id' missing or empty");
  assert.equal(sentence('{"id":null,"data":"YQ=="}'), "Json key 'id' missing or empty");
  assert.equal(
    sentence('{"ID":"x","data":"YQ=="}'),
    "Json key 'id' missing or empty",
    "keys are exact",
  );
  assert.equal(sentence('{"id":"x"}'), "Json key 'data' missing or empty");
  assert.equal(sentence('{"id":"x","data":""}'), "Json key 'data' missing or empty");
  assert.equal(sentence('{"id":"x","data":"\\n"}'), "Json key 'data' missing or empty");
  assert.equal(
    sentence('{"id":"a\\u0000b","data":"YQ=="}'),
    "Json key 'id' contains a NUL character",
  );
  assert.equal(
    sentence('{"id":"x","data":"Y!=="}'),
    "Json key 'data' is not valid base64: character 2 is U+0021, which base64 does not use",
  );
});

Deno.test("parsePayloadRequest() refuses a body with too much structure before it is parsed", () => {
  const around = (more: string) => `{"id":"x","data":"YQ==","more":${more}}`;
  const refusal = "The body has more than 65536 of the characters [ { , : outside its strings";
  for (const more of ["[".repeat(65_600), "[0".repeat(65_600), `[${"0,".repeat(65_600)}0]`]) {
    assert.equal(sentence(around(more)), refusal);
  }
  assert.equal(sentence("{".repeat(65_600)), refusal);
  const fine = [
    `[${"0,".repeat(65_528)}0]`,
    JSON.stringify("[{,:".repeat(50_000)),
    JSON.stringify('\\"[{,:'.repeat(50_000)),
  ];
  for (const more of fine) {
    const parsed = parsePayloadRequest(encode(around(more)));
    assert.ok(parsed.ok, JSON.stringify(parsed));
  }
});

Deno.test("parsePayloadRequest() checks the structure before and after long data too", () => {
  const data = new Uint8Array(1_500_000).toBase64();
  const deep = "[".repeat(65_600);
  for (
    const body of [
      `{"id":"x","data":"${data}","more":${deep}`,
      `{"more":"\\"data\\":\\"","id":"x","data":"${data}","more":${deep}`,
    ]
  ) assert.match(sentence(body), /^The body has more than 65536/);
  assert.ok(parsePayloadRequest(encode(`{"id":"x","data":"${data}","more":[[[1]]]}`)).ok);
});

Deno.test("parsePayloadRequest() accepts base64 broken into lines, as base64(1) does", () => {
  const parsed = parsePayloadRequest(encode('{"id":"x","data":"aGVs\\r\\nbG8=\\n"}'));
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.request.payload, encode("hello"));
});

Deno.test("parsePayloadRequest() accepts non-zero padding bits, as the Go jobrunner did", () => {
  const parsed = parsePayloadRequest(encode('{"id":"x","data":"YR=="}'));
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.request.payload, encode("a"));
});

Deno.test("parsePayloadRequest() accepts an id of up to 1024 characters, counted as code points", () => {
  const request = (id: string) => parsePayloadRequest(encode(JSON.stringify({ id, data: "YQ==" })));
  assert.ok(request("x".repeat(1024)).ok);
  assert.ok(request("😀".repeat(1024)).ok);
  assert.equal(
    sentence(JSON.stringify({ id: "x".repeat(1025), data: "YQ==" })),
    "Json key 'id' is longer than 1024 characters",
  );
  assert.ok(!request("😀".repeat(1025)).ok);
  assert.ok(!request("x".repeat(5000)).ok);
});

/** Encodes Latin-1 text in Windows-1252. */
const windows1252 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("parsePayloadRequest() refuses ids in Windows-1252 and does not make them equal", () => {
  for (const [id, byte] of [["Müller", "0xFC"], ["Mäller", "0xE4"]] as const) {
    const body = JSON.stringify({ id, data: "YQ==" });
    assert.deepEqual(parsePayloadRequest(windows1252(body)), {
      ok: false,
      sentence: `The body is not UTF-8 text (byte 9 is ${byte}): send UTF-8`,
    });
    const parsed = parsePayloadRequest(encode(body));
    assert.ok(parsed.ok);
    assert.equal(parsed.request.id, id);
  }
});

Deno.test("parsePayloadRequest() reports invalid UTF-8 first, wherever it is and whatever else is wrong", () => {
  const bodies = [
    '{"id":"x","data":"YQ==","more":"\xe4"}',
    '{"id":"x","data":"YQ==","\xe4":1}',
    '{"id":"x","data":"Y\xe4=="}',
    '{"id":"","data":"YQ==","more":"\xe4"}',
    '{"id":"x","data":"YQ=="}\xe4',
    '\xe4{"id":"x","data":"YQ=="}',
    `{"id":"\xe4","more":${"[".repeat(70_000)}`,
  ];
  for (const body of bodies) {
    const parsed = parsePayloadRequest(windows1252(body));
    assert.ok(!parsed.ok);
    assert.match(parsed.sentence, /^The body is not UTF-8 text \(byte \d+ is 0xE4\): send UTF-8$/);
  }
});

Deno.test("parsePayloadRequest() accepts a UTF-8 byte order mark, and U+FFFD in an id", () => {
  const parsed = parsePayloadRequest(encode('\ufeff{"id":"a\ufffdb","data":"YQ=="}'));
  assert.ok(parsed.ok);
  assert.equal(parsed.request.id, "a\ufffdb");
});

Deno.test("parsePayloadRequest() makes half a surrogate pair in an id U+FFFD, as the Go jobrunner did", () => {
  const parsed = parsePayloadRequest(encode('{"id":"a\\ud800b","data":"YQ=="}'));
  assert.ok(parsed.ok);
  assert.equal(parsed.request.id, "a\ufffdb");
});
