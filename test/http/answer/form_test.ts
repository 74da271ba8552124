import assert from "node:assert/strict";
import { formAnswer } from "../../../src/http/answer/form.ts";
import { inFile, inMemory, received, someBytes, storedFile } from "../../support/answers.ts";
import { resultOf, specOf } from "../../support/jobs.ts";

async function parsed({ headers, body }: ReturnType<typeof formAnswer>): Promise<FormData> {
  const bytes = await received(body);
  assert.equal(headers["content-length"], String(bytes.length));
  return new Response(bytes, { headers }).formData();
}

async function contentOf(form: FormData, name: string) {
  const file = form.get(name);
  assert.ok(file instanceof File);
  return { name: file.name, type: file.type, bytes: await file.bytes() };
}

Deno.test("formAnswer() can be read with formData(): the result in JSON, then all outputs as files", async () => {
  const data = storedFile(someBytes(300_000));
  const answer = formAnswer({
    ...resultOf(specOf("é")),
    ending: { kind: "exited", exitStatus: 3 },
    data: inFile(data.file, true),
    output: inMemory("\r\n--not the boundary\r\n"),
    error: inMemory(""),
    names: { command: "pdf", pool: "office" },
    node: "b",
  }, "image/png");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["x-accel-buffering"], "no");
  const form = await parsed(answer);
  assert.deepEqual([...form.keys()], ["result", "data", "output", "error"]);
  assert.deepEqual(JSON.parse(String(form.get("result"))), {
    worker_id: 1,
    elapsed_sec: 0.5,
    exit_status: 3,
    id: "é",
    queued_sec: 0,
    ending: "exited",
    command: "pdf",
    pool: "office",
    node: "b",
    data_truncated: true,
    data_bytes: 300_000,
    output_bytes: 22,
    error_bytes: 0,
  });
  assert.deepEqual(await contentOf(form, "data"), {
    name: "data",
    type: "image/png",
    bytes: someBytes(300_000),
  });
  assert.deepEqual(await contentOf(form, "output"), {
    name: "output",
    type: "text/plain; charset=utf-8",
    bytes: new TextEncoder().encode("\r\n--not the boundary\r\n"),
  });
  assert.equal((await contentOf(form, "error")).bytes.length, 0);
  assert.equal(data.state.closed, 1);
});

Deno.test("formAnswer() of small outputs is the same, with another boundary each time", async () => {
  const result = { ...resultOf(specOf("a")), output: inMemory("out") };
  const [one, other] = [formAnswer(result, "image/png"), formAnswer(result, "image/png")];
  for (const answer of [one, other]) {
    assert.match(
      answer.headers["content-type"] ?? "",
      /^multipart\/form-data; boundary=[0-9a-f]{32}$/,
    );
    const form = await parsed(answer);
    assert.equal(new TextDecoder().decode((await contentOf(form, "output")).bytes), "out");
  }
  assert.notEqual(one.headers["content-type"], other.headers["content-type"]);
});
