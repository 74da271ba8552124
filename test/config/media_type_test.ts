import assert from "node:assert/strict";
import { configOfFile, errorsOf, errorsOfFile, onlyCommandOf } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };
const wanted = "must be a media type, such as image/png";

Deno.test("JOBRUNNER_RESPONSE_TYPE is taken as given, with its parameters, up to 200 characters", () => {
  const longest = `image/${"x".repeat(194)}`;
  for (
    const type of [
      "image/png",
      "Text/HTML;charset=utf-8",
      'text/plain; charset="utf-8" ; format=flowed',
      'a/b;c="\\" ; d/e, [f]"',
      "application/vnd.x-a.b+json",
      longest,
    ]
  ) {
    const env = { ...cmd, JOBRUNNER_RESPONSE_TYPE: type };
    assert.equal(onlyCommandOf(env).responseType, type);
    assert.equal(onlyCommandOf(cmd, [`--response-type=${type}`]).responseType, type);
  }
  assert.equal(onlyCommandOf(cmd).responseType, "application/octet-stream");
  assert.equal(
    onlyCommandOf({ ...cmd, JOBRUNNER_RESPONSE_TYPE: "" }).responseType,
    "application/octet-stream",
  );
});

Deno.test("JOBRUNNER_RESPONSE_TYPE rejects what is not a media type in one line", () => {
  const cases: readonly (readonly [string, string])[] = [
    ...["png", "image/", "/png", "image/png/x", "image png/x", "image /png", " image/png"],
    ...["image/png ", "image/png;", "image/png; ", "image/png;a", "image/png;a=", "image/png;=b"],
    ...['a/b;c="d', 'a/b;c="d\\"', "a/b;c=d e", "image/png, image/gif", "a/ä", 'a/b;c="ä"'],
    ...["a/b;\tc=d", "a/b\x7f", "a/(b)", "a/b: c"],
  ].map((type) => [type, ""] as const);
  const detailed = [
    ["image/*", " (it has a wildcard)"],
    ["*/*", " (it has a wildcard)"],
    ["*", " (it has a wildcard)"],
    [`image/${"x".repeat(195)}`, " (it has 201 characters, more than 200)"],
  ] as const;
  for (const [type, detail] of [...cases, ...detailed]) {
    const shown = type.replace("\t", "\\t").replace("\x7f", "\\u007f");
    assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_RESPONSE_TYPE: type }), [
      `JOBRUNNER_RESPONSE_TYPE=${shown}: ${wanted}${detail}`,
    ]);
  }
  assert.deepEqual(errorsOf(cmd, ["--response-type=image/*"]), [
    `--response-type=image/*: ${wanted} (it has a wildcard)`,
  ]);
});

Deno.test("response_type of a command wins over the top of the file, and is checked like it", () => {
  const a = "[commands.a]\ncmd = '/bin/date'\n";
  const both = configOfFile(`response_type = 'image/png'\n${a}response_type = 'image/gif'\n`);
  assert.equal(both.commands[0]?.responseType, "image/gif");
  const top = configOfFile(`response_type = 'image/png'\n${a}`);
  assert.equal(top.commands[0]?.responseType, "image/png");
  assert.deepEqual(errorsOfFile(`response_type = 'image/*'\n${a}`), [
    `jobrunner.toml:1: response_type = "image/*": ${wanted} (it has a wildcard)`,
  ]);
  assert.deepEqual(errorsOfFile(`${a}response_type = 'image/*'\n`), [
    `jobrunner.toml:3: commands.a.response_type = "image/*": ${wanted} (it has a wildcard)`,
  ]);
});
