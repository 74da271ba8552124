import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePayloadRequest } from "../../src/wire/payload_request.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function sentence(body: string): string {
  const parsed = parsePayloadRequest(encode(body));
  assert.ok(!parsed.ok, `accepted: ${body}`);
  return parsed.sentence;
}

Deno.test("a request gives its id and its bytes, whatever they are", () => {
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

Deno.test("each fault of a request has its sentence", () => {
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

Deno.test("a body with more structure than any request needs is refused before it is parsed", () => {
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

Deno.test("structure is looked for around long data too, before and behind it", () => {
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

Deno.test("base64 may be broken into lines, as base64(1) does", () => {
  const parsed = parsePayloadRequest(encode('{"id":"x","data":"aGVs\\r\\nbG8=\\n"}'));
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.request.payload, encode("hello"));
});

Deno.test("bits that padding leaves over are not looked at, as the Go jobrunner did not", () => {
  const parsed = parsePayloadRequest(encode('{"id":"x","data":"YR=="}'));
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.request.payload, encode("a"));
});

Deno.test("an id has up to 1024 characters, counted as people count them", () => {
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

/** In Windows-1252, as far as it is Latin-1. */
const windows1252 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("ids in Windows-1252 are refused, not made the same", () => {
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

Deno.test("a body that is not UTF-8 is refused as that wherever the byte is, and whatever else is wrong", () => {
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

Deno.test("a byte order mark of UTF-8 is fine, and U+FFFD is a character like others", () => {
  const parsed = parsePayloadRequest(encode('\ufeff{"id":"a\ufffdb","data":"YQ=="}'));
  assert.ok(parsed.ok);
  assert.equal(parsed.request.id, "a\ufffdb");
});

Deno.test("half a surrogate pair in an id becomes U+FFFD, as it did in the Go jobrunner", () => {
  const parsed = parsePayloadRequest(encode('{"id":"a\\ud800b","data":"YQ=="}'));
  assert.ok(parsed.ok);
  assert.equal(parsed.request.id, "a\ufffdb");
});
