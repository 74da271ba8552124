import assert from "node:assert/strict";
import fc from "fast-check";
import {
  answerParts,
  maxPassedBytes,
  maxQueryBytes,
  readRunHead,
} from "../../src/wire/run_request.ts";

/** Reads a head as the runtime passes it: each byte of a header's value is one character. */
function read(
  query: string,
  headers: Readonly<Record<string, string>> = {},
  passHeaders: string[] = [],
) {
  const bytes = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    value.includes("\xff") ? value : latin1(new TextEncoder().encode(value)),
  ]);
  return readRunHead(
    { url: `http://localhost/run${query}`, headers: new Headers(bytes) },
    { requestId: "the request", passHeaders },
  );
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function head(...parts: Parameters<typeof read>) {
  const result = read(...parts);
  assert.ok(result.ok, JSON.stringify(result));
  return result.head;
}

function sentence(...parts: Parameters<typeof read>): string {
  const result = read(...parts);
  assert.ok(!result.ok, JSON.stringify(result));
  return result.sentence;
}

Deno.test("readRunHead() reads a bare request: the request id is the job's, nothing else is said", () => {
  assert.deepEqual(head(""), {
    id: "the request",
    answer: "auto",
    facts: { queryString: "", contentType: "", filename: "", headers: {} },
  });
});

Deno.test("readRunHead() takes the id from the query, else from X-JR-Id", () => {
  assert.equal(head("?id=a+b%2Fc%C3%A9", { "X-JR-Id": "other" }).id, "a b/cé");
  assert.equal(head("?x=1", { "x-jr-id": "größe" }).id, "größe");
  assert.equal(head("", { "x-jr-id": "gr\xfc\xff" }).id, "grüÿ");
  assert.equal(head(`?id=${"é".repeat(1024)}`).id.length, 1024);
});

Deno.test("readRunHead() refuses an id that POST /payload refuses", () => {
  assert.equal(sentence("?id="), "Query key 'id' is empty");
  assert.equal(sentence("?id"), "Query key 'id' is empty");
  assert.equal(sentence("?id=a%00b"), "Query key 'id' contains a NUL character");
  assert.equal(
    sentence(`?id=${"x".repeat(1025)}`),
    "Query key 'id' is longer than 1024 characters",
  );
  assert.equal(sentence("", { "x-jr-id": "" }), "Header 'X-JR-Id' is empty");
  assert.equal(
    sentence("", { "x-jr-id": "x".repeat(1025) }),
    "Header 'X-JR-Id' is longer than 1024 characters",
  );
});

Deno.test("readRunHead() takes the time limit from the query, else from X-JR-Timeout-Sec", () => {
  assert.equal(head("?timeout_sec=1.5", { "X-JR-Timeout-Sec": "nonsense" }).timeoutSec, 1.5);
  assert.equal(head("", { "x-jr-timeout-sec": "20" }).timeoutSec, 20);
  assert.equal(head("?timeout_sec=.5").timeoutSec, 0.5);
  assert.ok(!("timeoutSec" in head("")));
});

Deno.test("readRunHead() refuses a time limit that is not a decimal number greater than 0", () => {
  for (const text of ["", "0", "0.0", "-1", "+1", "1e3", "0x10", "1,5", "1.5.", "Infinity", " 1"]) {
    assert.equal(
      sentence(`?timeout_sec=${encodeURIComponent(text)}`),
      "Query key 'timeout_sec' is not a number greater than 0",
    );
  }
  assert.equal(
    sentence("", { "x-jr-timeout-sec": "9".repeat(400) }),
    "Header 'X-JR-Timeout-Sec' is not a number greater than 0",
  );
});

Deno.test("readRunHead() knows the parts that an answer can hold", () => {
  for (const part of answerParts) assert.equal(head(`?answer=${part}`).answer, part);
  for (const other of ["", "Data", "stdout", "__proto__"]) {
    assert.equal(
      sentence(`?answer=${other}`),
      "Query key 'answer' is not one of auto, data, output, error",
    );
  }
});

Deno.test("readRunHead() refuses a key of its own that is malformed or given twice", () => {
  for (const key of ["id", "timeout_sec", "answer"]) {
    for (const value of ["%", "%4", "%zz", "%ff", "%c3", "%ed%a0%80"]) {
      assert.equal(
        sentence(`?x=1&${key}=1${value}`),
        `Query key '${key}' is not UTF-8, percent-encoded`,
      );
    }
  }
  assert.equal(sentence("?id=a&x&id=b"), "Query key 'id' is given more than once");
  assert.equal(sentence("?id=a&%69d=a"), "Query key 'id' is given more than once");
});

Deno.test("readRunHead() passes the query on as it was sent, whatever is in it", () => {
  const query = "a=%zz&%ff=%00&&=&id=1&__proto__=x&b[]=1;c?d=+";
  assert.equal(head(`?${query}#fragment`).facts.queryString, query);
  assert.equal(head(`?${"x".repeat(maxQueryBytes)}`).facts.queryString.length, maxQueryBytes);
  assert.equal(
    sentence(`?${"x".repeat(maxQueryBytes + 1)}`),
    "The query is longer than 8192 bytes",
  );
});

Deno.test("readRunHead() refuses headers for the command that are too long for a variable", () => {
  const passHeaders = ["x-tenant"];
  const read = (headers: Record<string, string>) =>
    readRunHead(new Request("http://x/run", { headers }), { requestId: "r", passHeaders });
  for (const name of ["x-tenant", "Content-Type"]) {
    assert.equal(read({ [name]: "x".repeat(maxPassedBytes) }).ok, true);
    const refused = { ok: false, sentence: `Header '${name}' is longer than 65536 bytes` };
    assert.deepEqual(read({ [name]: "x".repeat(maxPassedBytes + 1) }), refused);
    // In UTF-8 it is longer.
    assert.deepEqual(read({ [name]: "\xff".repeat(maxPassedBytes / 2 + 1) }), refused);
  }
  assert.equal(read({ "x-other": "x".repeat(maxPassedBytes + 1) }).ok, true);
});

Deno.test("readRunHead() reads what a form encodes", () => {
  fc.assert(fc.property(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 })
      .filter((id) => !id.includes("\0") && id.isWellFormed()),
    (id) => {
      const query = new URLSearchParams({ before: id, id, answer: "data" });
      assert.equal(head(`?${query}`).id, id);
    },
  ));
});

Deno.test("readRunHead() answers every query and every header, and never throws", () => {
  const text = fc.array(
    fc.constantFrom(
      ..."id=&?%+#;,:\"'\\*/.0 \xfc",
      "timeout_sec=",
      "answer=data",
      "filename*=UTF-8''%",
      "sha-256=:",
    ),
  ).map((parts) => parts.join(""));
  fc.assert(fc.property(text, text, (query, value) => {
    const headers = Object.fromEntries(
      ["x-jr-id", "x-jr-timeout-sec", "content-disposition", "content-type", "content-digest"].map((
        name,
      ) => [name, value.trim()]),
    );
    const result = read(`?${query}`, headers, ["content-type"]);
    if (result.ok) assert.ok(result.head.id.length > 0);
    else assert.match(result.sentence, /^(Query key|Header|The query|The filename) /);
  }));
});

Deno.test("readRunHead() has every header that the command gets, by its name in lower case", () => {
  const sent = { "X-Tenant": "größe", "Accept-Language": "de", Cookie: "secret" };
  const names = ["x-tenant", "accept-language", "x-absent", "__proto__"];
  const { headers } = head("", sent, names).facts;
  assert.deepEqual(Object.entries(headers), [
    ["x-tenant", "größe"],
    ["accept-language", "de"],
    ["x-absent", ""],
    ["__proto__", ""],
  ]);
});

Deno.test("readRunHead() takes a filename from Content-Disposition, without folders", () => {
  const names: Readonly<Record<string, string>> = {
    "attachment; filename=a.txt": "a.txt",
    'inline; filename="a b;c.txt"': "a b;c.txt",
    'attachment; filename="a\\"b.txt"': 'a"b.txt',
    'x; FILENAME="größe.txt"': "größe.txt",
    "attachment; filename=plain.txt; filename*=UTF-8''%e2%82%ac%20x.txt": "€ x.txt",
    "attachment; filename*=UTF-8''%e2%82%ac.txt; filename=plain.txt": "€.txt",
    "attachment; filename*=iso-8859-1'de'%fc.txt": "ü.txt",
    "attachment; filename=plain.txt; filename*=UTF-8''%ff": "plain.txt",
    'attachment; filename="../../etc/passwd"': "passwd",
    'attachment; filename="C:\\\\dir\\\\f.txt"': "f.txt",
    "attachment; filename*=UTF-8''..%2F..%5Cx": "x",
    'attachment; filename=".."': "",
    'attachment; filename="a/."': "",
    'attachment; filename="a/"': "",
    "attachment": "",
    "filename=x": "",
    ";;;=": "",
  };
  for (const [disposition, filename] of Object.entries(names)) {
    const { facts } = head("", { "content-disposition": disposition });
    assert.equal(facts.filename, filename, disposition);
  }
});

Deno.test("readRunHead() refuses a filename that could not be one", () => {
  for (const encoded of ["a%00b", "a%0ab", "%1b[31m", "%c2%85"]) {
    assert.equal(
      sentence("", { "content-disposition": `attachment; filename*=UTF-8''${encoded}` }),
      "The filename in Content-Disposition contains control characters",
    );
  }
  const filename = (bytes: number) => `attachment; filename="${"é".repeat(bytes / 2)}x"`;
  assert.ok(read("", { "content-disposition": filename(254) }).ok);
  assert.equal(
    sentence("", { "content-disposition": filename(256) }),
    "The filename in Content-Disposition is longer than 255 bytes",
  );
});

const sha256 = new Uint8Array(32).fill(1).toBase64();
const sha512 = new Uint8Array(64).fill(2).toBase64();

Deno.test("readRunHead() chooses SHA-256, else SHA-512, from Content-Digest and ignores other algorithms", () => {
  const chosen: Readonly<Record<string, string | undefined>> = {
    [`sha-256=:${sha256}:`]: "sha-256",
    [`sha-512=:${sha512}:`]: "sha-512",
    [`sha-512=:${sha512}:,\tsha-256=:${sha256}:`]: "sha-256",
    [`md5=:AAAA:, sha-512=:${sha512}: , unixsum=::`]: "sha-512",
    [`sha-256=:${sha256.replace("=", "")}:`]: "sha-256",
    [`sha-256=:AAAA:, sha-256=:${sha256}:;a;b="x\\",:";c=1.5`]: "sha-256",
    "md5=:AAAA:": undefined,
  };
  for (const [value, algorithm] of Object.entries(chosen)) {
    const { digest } = head("", { "content-digest": value });
    assert.equal(digest?.algorithm, algorithm, value);
    if (digest) assert.deepEqual([...new Set(digest.bytes)], [algorithm === "sha-256" ? 1 : 2]);
  }
});

Deno.test("readRunHead() refuses a Content-Digest that is malformed", () => {
  for (
    const value of [
      "",
      ",",
      "sha-256",
      `sha-256=${sha256}`,
      `sha-256=:${sha256}`,
      `sha-256=:${sha512}:`,
      "sha-256=:AAA*:",
      "sha-256=::",
      `SHA-256=:${sha256}:`,
      `sha-256=:${sha256}:,`,
      `sha-256=:${sha256}: x=:AAAA:`,
      `sha-256 =:${sha256}:`,
    ]
  ) {
    assert.equal(
      sentence("", { "content-digest": value }),
      "Header 'Content-Digest' is not a list of digests such as sha-256=:base64:",
      value,
    );
  }
});
