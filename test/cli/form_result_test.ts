import assert from "node:assert/strict";
import { readFormResult } from "../../src/cli/form_result.ts";
import { formBody, formType } from "../support/run_server.ts";

const url = "http://h/run";
const broken = {
  exit: 69,
  message: `${url}: the answer broke off: the job may have run, and its result is lost`,
};
const strange = {
  exit: 76,
  message: `${url}: must be a jobrunner: the response is not a job result`,
};

/** A body in pieces of this size; `then` is what comes after them. */
function inPieces(text: string, size: number, then?: Error): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at += size));
      else if (then) controller.error(then);
      else controller.close();
    },
  });
}

async function read(body: ReadableStream<Uint8Array>, type = formType) {
  const { exitStatus, truncated, parts } = await readFormResult(type, body, url);
  const texts: [string, string][] = [];
  for await (const { name, bytes } of parts) {
    let text = "";
    for await (const piece of bytes) text += new TextDecoder("latin1").decode(piece);
    texts.push([name, text]);
  }
  return { exitStatus, truncated, texts };
}

Deno.test("readFormResult() reads the parts in order, wherever the body is cut", async () => {
  const parts = {
    result: { exit_status: 7, data_truncated: true },
    data: `\r\n--8d1c1ab4d9cf4f0d\r\n${"x".repeat(1000)}\r`,
    output: "out\n",
  };
  for (const size of [1, 2, 3, 7, 64, 1000, 10_000]) {
    assert.deepEqual(await read(inPieces(formBody(parts), size)), {
      exitStatus: 7,
      truncated: ["data"],
      texts: [["data", parts.data], ["output", "out\n"], ["error", ""]],
    });
  }
});

Deno.test("readFormResult() takes no more of the body than its reader does", async () => {
  const body = formBody({ data: "x".repeat(10 * 2 ** 20) });
  const size = 2 ** 16;
  let taken = 0;
  const counted = inPieces(body, size).pipeThrough(
    new TransformStream({
      transform(piece, controller) {
        taken += piece.length;
        controller.enqueue(piece);
      },
    }, { highWaterMark: 1 }),
  );
  const { parts } = await readFormResult(formType, counted, url);
  let length = 0;
  for await (const { bytes } of parts) {
    for await (const piece of bytes) {
      length += piece.length;
      assert.ok(taken - length < 8 * size, `${taken - length} bytes ahead`);
    }
  }
  assert.equal(length, 10 * 2 ** 20);
});

Deno.test("readFormResult() reports an answer that breaks off, wherever that is", async () => {
  const whole = formBody({ data: "data", output: "out", error: "err" });
  for (let length = 0; length < whole.length - 4; length += 5) {
    const text = whole.slice(0, length);
    await assert.rejects(read(inPieces(text, 50, new Error("reset"))), broken, String(length));
    await assert.rejects(read(inPieces(text, 50)), broken, String(length));
  }
});

Deno.test("readFormResult() reports a form that is not a result", async () => {
  const result = formBody({});
  const bodies = [
    result.replace('"exit_status":0', '"exit_status":"0"'),
    result.replace('name="result"', 'name="answer"'),
    result.replace('name="output"', 'name="data"'),
    result.replace(
      'Content-Disposition: form-data; name="error"',
      "Content-Disposition: form-data",
    ),
  ];
  for (const body of bodies) await assert.rejects(read(inPieces(body, 100)), strange, body);
  await assert.rejects(read(inPieces(result, 100), "multipart/form-data"), strange);
});

Deno.test("readFormResult() ignores parts that it does not know", async () => {
  const more = formBody({ data: "data" }).replace(/--\r\n$/, "\r\n") +
    'Content-Disposition: form-data; name="more"\r\n\r\nmore\r\n' +
    formBody({}).slice(-38);
  const { texts } = await read(inPieces(more, 10));
  assert.deepEqual(texts, [["data", "data"], ["output", ""], ["error", ""]]);
});
