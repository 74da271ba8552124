import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { createActivity } from "../../../src/http/activity.ts";
import { createBuffers } from "../../../src/http/body/buffers.ts";
import { isForm, readFormToDisk } from "../../../src/http/body/form.ts";
import { DiskFullError } from "../../../src/spool/inbox.ts";
import type { ContentDigest } from "../../../src/wire/content_digest.ts";
import { byHand } from "../../support/deadlines.ts";
import { diskShare, type FileWork, inboxInMemory } from "../../support/inbox.ts";

/** What differs from a whole body that comes at once. */
interface Setup extends FileWork {
  readonly contentType?: string;
  /** Lengths of the pieces, used again and again. */
  readonly pieces?: readonly number[];
  readonly maxBytes?: number;
  readonly diskBytes?: number;
  readonly digest?: ContentDigest;
  /** Announces the length, as most clients do. */
  readonly announce?: boolean;
}

const encoder = new TextEncoder();

async function read(form: string | Uint8Array<ArrayBuffer>, setup: Setup = {}) {
  const {
    contentType = "multipart/form-data; boundary=B",
    pieces = [65_536],
    maxBytes = Infinity,
    announce = false,
  } = setup;
  const left = typeof form === "string" ? encoder.encode(form) : form;
  let at = 0;
  let count = 0;
  let canceled = false;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const length = pieces[count++ % pieces.length] ?? 1;
      if (at < left.length) controller.enqueue(left.slice(at, at + length));
      else controller.close();
      if (at >= left.length) controller.byobRequest?.respond(0);
      at += length;
    },
    cancel: () => void (canceled = true),
  });
  const headers = {
    "content-type": contentType,
    ...announce && { "content-length": String(left.length) },
  };
  const { inbox, files } = inboxInMemory(setup);
  const buffers = createBuffers(Infinity);
  const outcome = await readFormToDisk(
    new Request("http://x", { method: "POST", body, headers }),
    {
      maxBytes,
      periods: byHand(1000),
      cut: new AbortController().signal,
      uploads: createActivity(),
    },
    buffers.open(),
    { inbox, disk: diskShare(setup.diskBytes), digest: setup.digest },
  );
  assert.equal(buffers.held.bodies, 0);
  const contents = Object.fromEntries(
    [...files].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]),
  );
  const list = outcome.ok ? JSON.parse(outcome.list) : undefined;
  return { outcome, list, files, contents, canceled };
}

/** A part with a Content-Disposition that follows `form-data`. */
const part = (parameters: string, content = "", more = "") =>
  `--B\r\nContent-Disposition: form-data${parameters}\r\n${more}\r\n${content}\r\n`;

const end = "--B--\r\n";

/** A form as the runtime writes it, as browsers do. */
async function encoded(form: FormData) {
  const response = new Response(form);
  const contentType = response.headers.get("content-type") ?? "";
  return { contentType, bytes: new Uint8Array(await response.arrayBuffer()) };
}

Deno.test("readFormToDisk() stores files by number and lists files and fields in their order", async () => {
  const form = new FormData();
  form.append("title", "Übergrößen\r\nand more");
  form.append("document", new File(["first"], "a b.txt", { type: "text/plain" }));
  form.append("document", new File([Uint8Array.of(0, 255)], 'q"ö.bin'));
  form.append("empty", "");
  const { contentType, bytes } = await encoded(form);
  const { outcome, list, files, contents } = await read(bytes, { contentType });
  assert.ok(outcome.ok);
  assert.equal(outcome.length, bytes.length);
  assert.equal(outcome.filename, "a b.txt");
  assert.deepEqual(list, [
    { name: "title", value: "Übergrößen\r\nand more" },
    {
      name: "document",
      filename: "a b.txt",
      content_type: "text/plain",
      bytes: 5,
      file: "001",
    },
    {
      name: "document",
      filename: 'q"ö.bin',
      content_type: "application/octet-stream",
      bytes: 2,
      file: "002",
    },
    { name: "empty", value: "" },
  ]);
  assert.equal(contents["001"], "first");
  assert.deepEqual(files.get("002"), Uint8Array.of(0, 255));
});

/** Contents that look like the beginning of a boundary, beside others. */
const contentArbitrary = fc.array(
  fc.constantFrom(
    "\r",
    "\n",
    "-",
    "\r\n--",
    "\r\n--BOUND",
    "--BOUNDARY",
    "\r\n--BOUNDAR",
    "x",
    "é",
  ),
  { maxLength: 30 },
).map((texts) => texts.join("")).filter((content) => !`\r\n${content}`.includes("\r\n--BOUNDARY"));

Deno.test("readFormToDisk() finds the same parts however the body is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(contentArbitrary, { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      async (contents, pieces, announce) => {
        const form =
          contents.map((content, at) =>
            `--BOUNDARY\r\nContent-Disposition: form-data; name="${at}"; filename=x\r\n\r\n${content}\r\n`
          ).join("") + "--BOUNDARY--\r\n";
        const contentType = "multipart/form-data; boundary=BOUNDARY";
        const { outcome, contents: found } = await read(form, { contentType, pieces, announce });
        assert.ok(outcome.ok, JSON.stringify(outcome));
        assert.deepEqual(Object.values(found), contents);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("readFormToDisk() keeps what it has found while files are slow", async () => {
  const contents = ["\r\n--", "a\r\n-", "b", "\r\n\r\n--"];
  const form = contents.map((content) => part("; name=n; filename=f", content)).join("") + end;
  for (let length = 1; length < 40; length++) {
    const later = () => new Promise<void>((resolve) => setTimeout(resolve));
    const { contents: found } = await read(form, { pieces: [length], write: later, end: later });
    assert.deepEqual(Object.values(found), contents);
  }
});

Deno.test("readFormToDisk() reads a long form into memory that is used again", async () => {
  const long = "0123456789".repeat(70_000);
  const form = part("; name=a; filename=a", long) + part("; name=b", "value") + end;
  const { outcome, contents, list } = await read(form, { announce: true, pieces: [65_536, 7] });
  assert.ok(outcome.ok);
  assert.ok(contents["001"] === long);
  assert.deepEqual(list[1], { name: "b", value: "value" });
});

Deno.test("readFormToDisk() takes a part for a file that has a filename or is not plain text", async () => {
  const form = part("; name=a; filename=x", "1") + part('; name=b; filename=""', "") +
    part("; name=c", "3", "Content-Type: application/json\r\n") +
    part("; name=d", "4", "Content-Type: Text/Plain; charset=utf-8\r\n") + part("; name=e", "5") +
    end;
  const { list } = await read(form);
  assert.deepEqual(list, [
    { name: "a", filename: "x", content_type: "", bytes: 1, file: "001" },
    { name: "b", filename: "", content_type: "", bytes: 0, file: "002" },
    { name: "c", filename: "", content_type: "application/json", bytes: 1, file: "003" },
    { name: "d", value: "4" },
    { name: "e", value: "5" },
  ]);
});

Deno.test("readFormToDisk() takes names as texts and of filenames only the last part", async () => {
  const names: readonly [parameters: string, name: string, filename: string][] = [
    ["; name=__proto__; filename=__proto__", "__proto__", "__proto__"],
    ['; name="../x"; filename="../../etc/passwd"', "../x", "passwd"],
    ['; name="a%22b"; filename="C:\\dir\\f.txt"', 'a"b', "f.txt"],
    ["; name=; filename=..", "", ""],
    ['; name="ü"; filename="ü.txt"', "ü", "ü.txt"],
    ["; name=a; filename=x; filename*=UTF-8''%e2%82%ac%2Fy", "a", "y"],
  ];
  for (const [parameters, name, filename] of names) {
    const { list, outcome } = await read(part(parameters) + end);
    assert.deepEqual(list, [{ name, filename, content_type: "", bytes: 0, file: "001" }]);
    assert.ok(outcome.ok && outcome.filename === filename);
  }
});

Deno.test("readFormToDisk() reads a name that is not UTF-8 as ISO 8859-1", async () => {
  const form = Uint8Array.from(part("; name=\xfc") + end, (it) => it.charCodeAt(0));
  assert.deepEqual((await read(form)).list, [{ name: "ü", value: "" }]);
});

Deno.test("readFormToDisk() accepts a form without parts, and text around the parts", async () => {
  assert.deepEqual((await read(end)).list, []);
  const { list } = await read(`before\r\n${part("; name=a", "1")}${end}after\r\n--B\r\n--B--`);
  assert.deepEqual(list, [{ name: "a", value: "1" }]);
});

const malformed: Readonly<Record<string, [form: string, sentence: RegExp]>> = {
  "nothing": ["", /ends before its last boundary/],
  "no boundary in it": ["x".repeat(100), /ends before its last boundary/],
  "a file that ends early": [part("; name=a; filename=f", "x"), /ends before its last boundary/],
  "a field that ends early": [part("; name=a", "x").slice(0, -2), /ends before its last boundary/],
  "headers that end early": ["--B\r\nContent-Disposition: form-", /ends before its last boundary/],
  "line feeds only": [(part("; name=a", "x") + end).replaceAll("\r", ""), /ends before its last/],
  "no name": [part("; filename=f") + end, /a part has no name/],
  "no Content-Disposition": ["--B\r\nX: y\r\n\r\nx\r\n" + end, /a part has no name/],
  "another disposition": [part("x; name=a") + end, /a part has no name/],
  "no headers": ["--B\r\n" + part("; name=a") + end, /a part has no headers/],
  "headers that do not end": ["--B\r\nX: y\r\n" + end, /a part has no headers/],
  "a NUL in a name": [part('; name="a\0b"') + end, /control characters/],
  "a line break in a filename": [part('; name=a; filename="a%0Ab"') + end, /control characters/],
  "a NUL in a Content-Type": [part("; name=a", "", "Content-Type: a\0b\r\n") + end, /control/],
};

for (const [name, [form, sentence]] of Object.entries(malformed)) {
  Deno.test(`readFormToDisk() refuses as malformed: ${name}`, async () => {
    for (const pieces of [[65_536], [1], [7]]) {
      const { outcome } = await read(form, { pieces });
      assert.ok(!outcome.ok && outcome.refusal === "bad_multipart", JSON.stringify(outcome));
      assert.match(outcome.sentence, sentence);
    }
  });
}

Deno.test("readFormToDisk() refuses a field that is not UTF-8", async () => {
  const form = Uint8Array.from(part("; name=a", "\xfc") + end, (it) => it.charCodeAt(0));
  const { outcome } = await read(form);
  assert.ok("sentence" in outcome);
  assert.match(outcome.sentence, /not UTF-8/);
});

Deno.test("readFormToDisk() refuses a Content-Type without a valid boundary", async () => {
  for (
    const parameters of ["", "; boundary=", `; boundary=${"b".repeat(71)}`, '; boundary="a b"']
  ) {
    const { outcome } = await read(end, { contentType: `multipart/form-data${parameters}` });
    assert.ok(!outcome.ok && outcome.refusal === "bad_multipart", parameters);
  }
  const boundary = "b".repeat(70);
  const contentType = `multipart/form-data; boundary="${boundary}"`;
  assert.deepEqual((await read(`--${boundary}--`, { contentType })).list, []);
});

const file = part("; name=a; filename=f");
const field = part("; name=a", "1");
const headerLines = (count: number) => "X: y\r\n".repeat(count);

const limits: Readonly<Record<string, [most: string, more: string, sentence: RegExp]>> = {
  "files": [file.repeat(100), file.repeat(101), /more than 100 files/],
  "fields": [field.repeat(900), field.repeat(901), /more than 900 fields/],
  "parts": [
    file.repeat(100) + field.repeat(900),
    file.repeat(100) + field.repeat(901),
    /more than 1000 parts/,
  ],
  "bytes of a field": [
    part("; name=a", "x".repeat(65_536)),
    part("; name=a", "x".repeat(65_537)),
    /a field of more than 65536 bytes/,
  ],
  "bytes of all fields": [
    part("; name=a", "x".repeat(65_536)).repeat(16),
    part("; name=a", "x".repeat(65_536)).repeat(16) + field,
    /fields of more than 1048576 bytes together/,
  ],
  "bytes of a name": [
    part(`; name=${"ü".repeat(512)}`),
    part(`; name=${"ü".repeat(512)}x`),
    /a name or Content-Type of more than 1024 bytes/,
  ],
  "bytes of a filename": [
    part(`; name=a; filename=dir/${"ü".repeat(127)}x`),
    part(`; name=a; filename=${"ü".repeat(128)}`),
    /a filename of more than 255 bytes/,
  ],
  "headers": [
    part("; name=a", "", headerLines(99)),
    part("; name=a", "", headerLines(100)),
    /more than 100 headers/,
  ],
  "bytes of headers": [
    part("; name=a", "", `X: ${"y".repeat(16_000)}\r\n`),
    part("; name=a", "", `X: ${"y".repeat(200_000)}\r\n`),
    /more than 16384 bytes of them/,
  ],
};

for (const [name, [most, more, sentence]] of Object.entries(limits)) {
  Deno.test(`readFormToDisk() limits the number of ${name}`, async () => {
    const { outcome: accepted } = await read(most + end);
    assert.ok(accepted.ok, JSON.stringify(accepted));
    for (const pieces of [[65_536], [100]]) {
      const { outcome } = await read(more + end, { pieces });
      assert.ok(!outcome.ok && outcome.refusal === "too_many_parts", JSON.stringify(outcome));
      assert.match(outcome.sentence, sentence);
    }
  });
}

Deno.test("readFormToDisk() reads no more after much text before the parts, or after them", async () => {
  const text = "x".repeat(10_000_000);
  for (const form of [text, `${end}${text}`]) {
    const { outcome, canceled } = await read(form);
    assert.ok(!outcome.ok && outcome.refusal === "bad_multipart");
    assert.match(outcome.sentence, /more than 65536 bytes are before its first boundary or after/);
    assert.ok(canceled);
  }
});

Deno.test("readFormToDisk() reads no more after headers that do not end", async () => {
  const { outcome, canceled } = await read(`--B\r\nX: ${"y".repeat(10_000_000)}`);
  assert.ok(!outcome.ok && outcome.refusal === "too_many_parts");
  assert.ok(canceled);
});

Deno.test("readFormToDisk() limits the whole form, its disk space and its digest as those of any body", async () => {
  const form = part("; name=a; filename=f", "x".repeat(1000)) + end;
  const { outcome: large } = await read(form, { maxBytes: 1000 });
  assert.deepEqual(large, { ok: false, refusal: "too_large" });
  const { outcome: full } = await read(form, { diskBytes: 1000 });
  assert.deepEqual(full, { ok: false, refusal: "spool_full" });
  const bytes = new Uint8Array(createHash("sha256").update(form).digest());
  const { outcome: right } = await read(form, { digest: { algorithm: "sha-256", bytes } });
  assert.ok(right.ok);
  const { outcome: wrong } = await read(`${form}\r\n`, { digest: { algorithm: "sha-256", bytes } });
  assert.deepEqual(wrong, { ok: false, refusal: "digest_mismatch" });
});

Deno.test("readFormToDisk() says why a file could not be written, and reads no more", async () => {
  const form = part("; name=a; filename=f", "x".repeat(1000)) + field + end;
  for (const step of ["open", "write", "end"] as const) {
    const fail = () => Promise.reject(new DiskFullError("no space"));
    const { outcome, canceled } = await read(form, { [step]: fail, pieces: [100] });
    assert.deepEqual(outcome, { ok: false, refusal: "disk_full" }, step);
    assert.ok(canceled);
  }
});

Deno.test("isForm() knows the Content-Type of a form", () => {
  assert.ok(isForm("multipart/form-data; boundary=x"));
  assert.ok(isForm("Multipart/Form-Data"));
  for (const other of [null, "", "multipart/mixed; boundary=x", "multipart/form-datax"]) {
    assert.ok(!isForm(other));
  }
});
