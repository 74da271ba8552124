import assert from "node:assert/strict";
import { launchErrno, launchLineLength } from "../../src/exec/start.ts";

const launcher = { path: "/launcher", word: "jobrunner-0123" };

/** What is made of an exit status, stdout and stderr. */
function errnoOf(status: number | undefined, output: string, error: string): number | undefined {
  const captured = (text: string) => ({ bytes: new TextEncoder().encode(text), truncated: false });
  return launchErrno(launcher, status, captured(output), captured(error));
}

Deno.test("a launcher that could not start its command says so in one line", () => {
  assert.equal(errnoOf(127, "", "jobrunner-0123 002\n"), 2);
  assert.equal(errnoOf(126, "", "jobrunner-0123 013\n"), 13);
  assert.equal(launchLineLength(launcher), "jobrunner-0123 002\n".length);
});

Deno.test("anything else is a command's own doing", () => {
  for (
    const [status, output, error] of [
      [0, "", "jobrunner-0123 002\n"],
      [1, "", "jobrunner-0123 002\n"],
      [undefined, "", "jobrunner-0123 002\n"],
      [127, "x", "jobrunner-0123 002\n"],
      [127, "", ""],
      [127, "", "jobrunner-0123 002"],
      [127, "", "jobrunner-0123 02\n"],
      [127, "", "jobrunner-0123 x02\n"],
      [127, "", "jobrunner-0124 002\n"],
      [127, "", " 002\njobrunner-0123"],
      [127, "", "xjobrunner-0123 002\n"],
      [127, "", "jobrunner-0123 002\nx"],
    ] as const
  ) assert.equal(errnoOf(status, output, error), undefined, `${status} ${output} ${error}`);
});
