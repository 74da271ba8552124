import assert from "node:assert/strict";
import { progressLine } from "../../src/cli/progress.ts";
import { exitCodeOf } from "../../src/cli/send.ts";
import { parseSendOptions } from "../../src/cli/send_options.ts";

Deno.test("a file alone goes to this machine under its own name", () => {
  assert.deepEqual(parseSendOptions(["some/invoice.xml"], {}), {
    url: "http://127.0.0.1:8080/payload",
    passwordFile: undefined,
    password: undefined,
    id: "invoice.xml",
    timeoutSec: undefined,
    output: undefined,
    retries: 0,
    file: "some/invoice.xml",
  });
  assert.equal(parseSendOptions(["-"], {}).id, "stdin");
});

Deno.test("a URL may name the server or the resource", () => {
  for (const url of ["http://h:1", "http://h:1/", "http://h:1/payload", "http://h:1/payload/"]) {
    assert.equal(parseSendOptions(["-", "--url", url], {}).url, "http://h:1/payload");
  }
  assert.equal(parseSendOptions(["-", "--url", "https://h/a/"], {}).url, "https://h/a/payload");
});

Deno.test("each wrong flag has its sentence", () => {
  const cases: [string[], RegExp][] = [
    [[], /^FILE: must be one file/],
    [["a", "b"], /^FILE: must be one file/],
    [["a", "--url", "h:1"], /^--url=h:1: must be an http or https URL without a user$/],
    [["a", "--url", "http://u:hunter2@h"], /^--url=\*\*\*@h: must be/],
    [["a", "--timeout", "0"], /^--timeout=0: must be a number of seconds greater than 0$/],
    [["a", "--retry", "1.5"], /^--retry=1.5: must be a whole number from 0 to 1000000$/],
    [["a", "--id", ""], /^--id=: must have 1 to 1024 characters without NUL$/],
    [["a", "--nonsense"], /nonsense/],
  ];
  for (const [args, sentence] of cases) {
    assert.throws(() => parseSendOptions(args, {}), { name: "UsageError", message: sentence });
  }
});

Deno.test("a status that a process cannot exit with is never success", () => {
  assert.deepEqual([0, 3, 255, 256, -1, 3221225786].map(exitCodeOf), [0, 3, 255, 255, 255, 58]);
});

Deno.test("a progress line fits its share", () => {
  assert.equal(progressLine(5, 10), `sending [${"#".repeat(15)}${" ".repeat(15)}] 50 %`);
  assert.equal(progressLine(2_500_000, undefined), "sending: 2.5 MB");
});
