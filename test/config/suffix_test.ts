import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/parse.ts";
import { oneLine } from "../../src/config/shown.ts";
import { parseCommandLine } from "../../src/config/sources.ts";
import { machine, onlyCommandOf } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("JOBRUNNER_REQUEST_SUFFIX and JOBRUNNER_RESPONSE_SUFFIX are taken as given, up to 32 bytes", () => {
  const { requestSuffix, responseSuffix } = onlyCommandOf(
    { ...cmd, JOBRUNNER_REQUEST_SUFFIX: ".tar.gz" },
    ["--response-suffix= x (1).gif"],
  ).run;
  assert.deepEqual([requestSuffix, responseSuffix], [".tar.gz", " x (1).gif"]);
  for (const fine of ["gif", "_%d.GIF", "..x", "x".repeat(32), "€".repeat(10), "😀".repeat(8)]) {
    assert.equal(onlyCommandOf({ ...cmd, JOBRUNNER_REQUEST_SUFFIX: fine }).run.requestSuffix, fine);
  }
});

Deno.test("JOBRUNNER_RESPONSE_SUFFIX rejects on every system what one does not allow, a line for each rule", () => {
  const wanted = "must be the end of a file's name, such as .png";
  const reserved = (character: string) =>
    `it contains ${character}, which not every system allows in the name of a file`;
  const cases: [string, ...string[]][] = [
    ["x".repeat(33), "it has 33 bytes, more than 32"],
    ["€".repeat(11), "it has 33 bytes, more than 32"],
    ["a\0b", "it contains a control character"],
    ["\n.gif", "it contains a control character"],
    ["\u0085x", "it contains a control character"],
    ...[...'<>:"/\\|?*'].map((it): [string, string] => [`.${it}x`, reserved(it)]),
    [".", "it ends in a dot or a space, which Windows drops"],
    [".gif ", "it ends in a dot or a space, which Windows drops"],
    [
      "/../\x7f.",
      "it contains a control character",
      reserved("/"),
      "it ends in a dot or a space, which Windows drops",
    ],
  ];
  for (const os of ["linux", "windows"]) {
    for (const [suffix, ...details] of cases) {
      const env = { ...cmd, JOBRUNNER_RESPONSE_SUFFIX: suffix };
      const result = parseConfig(env, parseCommandLine([]), machine({}, os));
      assert.ok(!result.ok, suffix);
      assert.deepEqual(
        result.errors.filter((error) => error.startsWith("JOBRUNNER_RESPONSE_SUFFIX=")),
        details.map((detail) =>
          `JOBRUNNER_RESPONSE_SUFFIX=${oneLine(suffix)}: ${wanted} (${detail})`
        ),
      );
    }
  }
});
