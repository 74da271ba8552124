import assert from "node:assert/strict";
import { bytesAnswer, chosenOutput, contentTypeOf } from "../../../src/http/answer/bytes.ts";
import { inFile, inMemory, received, someBytes, storedFile } from "../../support/answers.ts";
import { resultOf, specOf } from "../../support/jobs.ts";

const plain = { ...resultOf(specOf("a")), output: inMemory("out"), error: inMemory("err") };
const notCalled = () => assert.fail("nothing is released");
const text = async (answer: ReturnType<typeof bytesAnswer>) =>
  new TextDecoder().decode(await received(answer.body));

Deno.test("chosenOutput() is the one that is asked for; auto is the response file, or stdout if that is empty", () => {
  const full = { ...plain, data: inMemory("data") };
  assert.deepEqual(
    (["auto", "data", "output", "error"] as const).map((choice) => chosenOutput(full, choice)),
    ["data", "data", "output", "error"],
  );
  assert.equal(chosenOutput(plain, "auto"), "output");
  // A file of which nothing could be kept was not empty.
  assert.equal(chosenOutput({ ...plain, data: inMemory("", true) }, "auto"), "data");
});

Deno.test("contentTypeOf() is the response type for stdout only if it stands in for a response file of a known type", () => {
  const text = "text/plain; charset=utf-8";
  assert.equal(contentTypeOf("output", "auto", "image/png"), "image/png");
  assert.equal(contentTypeOf("output", "auto", "application/octet-stream"), text);
  assert.equal(contentTypeOf("output", "output", "image/png"), text);
  assert.equal(contentTypeOf("error", "error", "image/png"), text);
  assert.equal(
    contentTypeOf("data", "auto", "application/octet-stream"),
    "application/octet-stream",
  );
});

Deno.test("bytesAnswer() is the chosen output with its type", async () => {
  const full = { ...plain, data: inMemory("data") };
  for (
    const [name, type] of [
      ["data", "image/png"],
      ["output", "text/plain; charset=utf-8"],
      ["error", "text/plain; charset=utf-8"],
    ] as const
  ) {
    const answer = bytesAnswer(full, name, contentTypeOf(name, name, "image/png"), () => {});
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["X-JR-Answer"], name);
    assert.equal(answer.headers["content-type"], type);
    assert.equal(answer.headers["x-content-type-options"], "nosniff");
    assert.equal(answer.headers["content-disposition"], "attachment");
    const expected = { data: "data", output: "out", error: "err" }[name];
    assert.equal(answer.headers["content-length"], String(expected.length));
    assert.equal(await text(answer), expected);
  }
});

Deno.test("bytesAnswer() with data is empty if the response file is empty", async () => {
  const answer = bytesAnswer(plain, "data", "image/png", () => {});
  assert.equal(answer.headers["content-length"], "0");
  assert.equal(await text(answer), "");
});

Deno.test("bytesAnswer() frees the outputs that are not sent, and closes its file once it is sent", async () => {
  const [data, output] = [storedFile(someBytes(100_000)), storedFile(someBytes(70_000))];
  const released: number[] = [];
  const answer = bytesAnswer(
    { ...plain, data: inFile(data.file), output: inFile(output.file) },
    "data",
    "image/png",
    (bytes) => void released.push(bytes),
  );
  assert.deepEqual([data.state.closed, output.state.closed, released], [0, 1, [3]]);
  assert.deepEqual(await received(answer.body), someBytes(100_000));
  assert.equal(data.state.closed, 1);
});

Deno.test("bytesAnswer() of a result without other outputs releases nothing", () => {
  bytesAnswer(resultOf(specOf("a")), "output", "image/png", notCalled);
});
