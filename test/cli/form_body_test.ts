import assert from "node:assert/strict";
import { formContent, type SentField } from "../../src/cli/form_body.ts";
import type { SendFailure } from "../../src/cli/send_failure.ts";
import { temporaryFolder } from "../support/folder.ts";

/** The form as it is sent, and its announced length. */
async function sent(fields: readonly SentField[]) {
  using content = await formContent(fields);
  const pieces = await Array.fromAsync(content.pieces((failure) => assert.fail(failure)));
  const body = new Blob(pieces);
  const headers = { "content-type": content.contentType };
  return { form: await new Response(body, { headers }).formData(), body, length: content.length };
}

Deno.test("formContent() announces the length of what it sends: fields, files and an empty form", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/fünf "5".bin`;
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 256);
  Deno.writeFileSync(path, bytes);
  Deno.writeFileSync(`${folder.path}/empty`, new Uint8Array());
  const { form, body, length } = await sent([
    { name: "text", value: "ä\r\n--b" },
    { name: "doc", file: path },
    { name: "text", value: "" },
    { name: "none", file: `${folder.path}/empty` },
  ]);
  assert.equal(length, body.size);
  assert.deepEqual(form.getAll("text"), ["ä\r\n--b", ""]);
  const doc = form.get("doc") as File;
  assert.equal(doc.name, "fünf %225%22.bin");
  assert.equal((await doc.bytes()).toBase64(), bytes.toBase64());
  assert.deepEqual([(form.get("none") as File).size, (form.get("none") as File).name], [
    0,
    "empty",
  ]);
  const none = await sent([]);
  assert.equal(none.length, none.body.size);
});

Deno.test("formContent() lets no name of a field or a file end its header line", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/a\r\nb: c`, "x");
  const { body } = await sent([
    { name: 'n"\r\nset: y', value: "v" },
    { name: "f", file: `${folder.path}/a\r\nb: c` },
  ]);
  const text = await body.text();
  assert.match(text, /name="n%22%0D%0Aset: y"\r\n\r\nv\r\n/);
  assert.match(text, /filename="a%0D%0Ab: c"\r\n/);
});

Deno.test("formContent() can be sent again, and reports a file that has gone or changed", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  Deno.writeTextFileSync(path, "text");
  using content = await formContent([{ name: "f", file: path }]);
  const failures: SendFailure[] = [];
  const send = () => Array.fromAsync(content.pieces((failure) => failures.push(failure)));
  const texts = [await send(), await send()].map((pieces) =>
    pieces.map((piece) => new TextDecoder().decode(piece)).join("")
  );
  assert.equal(texts[0], texts[1]);
  await content.check();
  Deno.writeTextFileSync(path, "longer text");
  await assert.rejects(send(), { exit: 66, message: /changed while it was sent: it had 4 bytes/ });
  Deno.writeTextFileSync(path, "x");
  await assert.rejects(send(), { exit: 66, message: /changed while it was sent: it had 4 bytes/ });
  Deno.removeSync(path);
  await assert.rejects(send(), { exit: 66, message: /file: cannot be read: No such file/ });
  assert.equal(failures.length, 3);
  await assert.rejects(content.check(), {
    exit: 66,
    message: /file: cannot be read: No such file/,
  });
  await assert.rejects(formContent([{ name: "f", file: path }]), { exit: 66 });
});
