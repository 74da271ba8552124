/**
 * `POST /run`: forms.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { shellTable, startNamed } from "../support/named.ts";
import { expectNothingLeft } from "../support/nothing_left.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";
import { postRun, type RunAnswer } from "../support/run_client.ts";
import { boundary, formType } from "../support/run_server.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };
const echo = { JOBRUNNER_CMD: fixture("echo_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

/** Posts parts whose heads and contents are given as they are sent, one byte for each character. */
function postParts(
  { url }: Program,
  parts: readonly (readonly [head: string, content: string])[],
  end = `--${boundary}--\r\n`,
): Promise<RunAnswer> {
  const text = parts.map(([head, content]) => `--${boundary}\r\n${head}\r\n\r\n${content}\r\n`);
  const body = Uint8Array.from(
    text.join("") + end,
    (character) => character.charCodeAt(0),
  );
  return postRun(url, body, { headers: { "content-type": formType } });
}

const disposition = 'Content-Disposition: form-data; name="script"; filename="script.sh"';

Deno.test("POST /run puts the files of a form into a folder, with a list of all parts", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_SPOOL_DIR: folder.path, JOBRUNNER_REQUEST_SUFFIX: ".in" },
  });
  const script = `
    cd "$JOBRUNNER_REQUEST_DIR" && stat -c "%a %n" . *
    [ "$JOBRUNNER_REQUEST_DATA_FN" = "$PWD/001.in" ] && cat 002.in && echo
    env | grep -E "^JOBRUNNER_(FILENAME|CONTENT_)" | LC_ALL=C sort
    cat parts.json`;
  const form = new FormData();
  form.append("note", "größer\nals");
  form.append("script", new File([script], "first.sh", { type: "text/x-sh" }));
  form.append("more", new File(["more"], "ärger.txt", { type: "text/plain" }));
  form.append("none", new File([], ""));
  form.append("note", "again");
  const { status, text } = await postRun(program.url, form);
  assert.equal(status, 200);
  const lines = text.split("\n");
  assert.deepEqual(lines.slice(0, 6), [
    "700 .",
    "600 001.in",
    "600 002.in",
    "600 003.in",
    "600 parts.json",
    "more",
  ]);
  const [length = "", type = "", filename, list = "", ...rest] = lines.slice(6);
  assert.match(length, /^JOBRUNNER_CONTENT_LENGTH=[1-9]\d+$/);
  assert.match(type, /^JOBRUNNER_CONTENT_TYPE=multipart\/form-data; ?boundary=/);
  assert.equal(filename, "JOBRUNNER_FILENAME=first.sh");
  assert.deepEqual(rest, []);
  const bytes = new TextEncoder().encode(script).length;
  const file = (
    name: string,
    filename: string,
    content_type: string,
    bytes: number,
    at: string,
  ) => ({ name, filename, content_type, bytes, file: at });
  assert.deepEqual(JSON.parse(list), [
    { name: "note", value: "größer\r\nals" },
    file("script", "first.sh", "text/x-sh", bytes, "001.in"),
    file("more", "ärger.txt", "text/plain", 4, "002.in"),
    file("none", "", "application/octet-stream", 0, "003.in"),
    { name: "note", value: "again" },
  ]);
  await expectNothingLeft(program, folder.path);
});

Deno.test("POST /run gives a form without a file an empty one", async () => {
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: `sh -c 'cat "$JOBRUNNER_REQUEST_DATA_FN" "$JOBRUNNER_REQUEST_DIR/parts.json"'`,
    },
  });
  const form = new FormData();
  form.append("a", "b");
  assert.equal((await postRun(program.url, form)).text, '[{"name":"a","value":"b"}]');
  assert.equal((await postParts(program, [])).text, "[]");
});

Deno.test("POST /run passes a large file of a form byte for byte, as its standard input too", async () => {
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: "cat", JOBRUNNER_STDIN: "payload" },
  });
  const bytes = Uint8Array.from({ length: 5_000_000 }, (_, index) => index * 7);
  const form = new FormData();
  form.append("file", new File([bytes], "x"));
  const answer = await postRun(program.url, form);
  assert.equal(answer.bytes.length, bytes.length);
  assert.ok(answer.bytes.every((byte, at) => byte === bytes[at]));
  await expectNothingLeft(program);
});

Deno.test("names of a form never become paths, variables or properties", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_SPOOL_DIR: folder.path },
  });
  const script =
    `cd "$JOBRUNNER_REQUEST_DIR"; ls; printf "%s\\n" "$JOBRUNNER_FILENAME"; cat parts.json`;
  const names = ["../x", "..\\\\y", "/etc/z", "..", "parts.json", "x/../../../w"];
  const { text } = await postParts(program, [
    [`Content-Disposition: form-data; name="__proto__"; filename="${names[0]}"`, script],
    ['Content-Disposition: form-data; name="__proto__"', "value"],
    ['Content-Disposition: form-data; name="LD_PRELOAD"', "value"],
    ...names.slice(1).map((name) =>
      [`Content-Disposition: form-data; name="constructor"; filename="${name}"`, "x"] as const
    ),
  ]);
  const [one, two, three, four, five, six, list, filename, json = ""] = text.split("\n");
  assert.deepEqual(
    [one, two, three, four, five, six, list, filename],
    ["001", "002", "003", "004", "005", "006", "parts.json", "x"],
  );
  const rows = JSON.parse(json) as Record<string, unknown>[];
  assert.deepEqual(rows.map(({ name }) => name), [
    "__proto__",
    "__proto__",
    "LD_PRELOAD",
    ...names.slice(1).map(() => "constructor"),
  ]);
  const filenames = rows.flatMap(({ filename }) => typeof filename === "string" ? [filename] : []);
  for (const name of filenames) assert.doesNotMatch(name, /[/\\]|^\.\.$/);
  await expectNothingLeft(program, folder.path);
});

Deno.test("POST /run refuses broken and excessive forms with the status of each, and leaves nothing", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...echo, JOBRUNNER_SPOOL_DIR: folder.path },
  });
  const field = 'Content-Disposition: form-data; name="a"';
  const many = (count: number, head: string) =>
    Array.from({ length: count }, () => [head, "x"] as const);
  const refused: [parts: Parameters<typeof postParts>[1], status: number, sentence: RegExp][] = [
    [[["Content-Disposition: form-data", "x"]], 400, /no name/],
    [[["Content-Type: text/plain", "x"]], 400, /no name/],
    [[[`${field}; filename="a\0b"`, "x"]], 400, /malformed/],
    [[['Content-Disposition: form-data; name="a\0b"', "x"]], 400, /malformed/],
    [[[field, "\xff"]], 400, /not UTF-8/],
    [[[`${field}; filename="${"x".repeat(300)}"`, "x"]], 413, /filename of/],
    [[[field, "x".repeat(65_537)]], 413, /field of more than 65536/],
    [many(901, field), 413, /more than 900 fields/],
    [many(101, disposition), 413, /more than 100 files/],
    [[[`${field}\r\nX: ${"x".repeat(20_000)}`, "x"]], 413, /headers/],
  ];
  for (const [parts, status, sentence] of refused) {
    const { status: found, text } = await postParts(program, parts);
    assert.deepEqual([found, sentence.test(text)], [status, true], `${sentence}: ${text}`);
  }
  for (const parts of [[], [[disposition, "x"] as const]]) {
    const { status, text } = await postParts(program, parts, "");
    assert.deepEqual([status, text], [
      400,
      "The form is malformed: it ends before its last boundary\n",
    ]);
  }
  const noBoundary = { "content-type": "multipart/form-data" };
  assert.equal((await postRun(program.url, "x", { headers: noBoundary })).status, 400);
  await expectNothingLeft(program, folder.path);
  assert.equal((await statusOf(program.url)).total_jobs, 0);
  const { rejections } = await statusOf(program.url);
  assert.deepEqual([rejections.invalid, rejections.too_large], [8, 5]);
  assert.equal((await postParts(program, [...many(100, disposition)])).status, 200);
});

Deno.test("POST /run/{command} takes forms within the limit of the command", async () => {
  await using program = await startNamed(shellTable("forms", "max_run_bytes = 1000"));
  const form = (script: string) => {
    const form = new FormData();
    form.append("script", new File([script], "x"));
    return form;
  };
  const target = "/forms";
  assert.equal((await postRun(program.url, form("echo $#"), { target })).text, "0\n");
  assert.equal((await postRun(program.url, form("#".repeat(1000)), { target })).status, 413);
});
