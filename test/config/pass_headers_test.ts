import assert from "node:assert/strict";
import { headerVariable } from "../../src/config/job_variables.ts";
import { configOfFile, errorsOf, errorsOfFile, onlyCommandOf } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };
const wanted =
  "must be names of request headers, separated by commas, such as x-tenant,accept-language";

/** So many different names. */
const names = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}`);

Deno.test("JOBRUNNER_PASS_HEADERS is a list of names, in lower case, in its order", () => {
  const headers = (text: string) =>
    onlyCommandOf({ ...cmd, JOBRUNNER_PASS_HEADERS: text }).passHeaders;
  assert.deepEqual(headers(""), []);
  assert.deepEqual(headers(" , "), []);
  assert.deepEqual(headers(" X-Tenant,, Accept-Language ,Cookie,authorization"), [
    "x-tenant",
    "accept-language",
    "cookie",
    "authorization",
  ]);
  assert.deepEqual(headers(names(32).join()), names(32));
  assert.deepEqual(headers("!#$%&'*+.^`|~-_9"), ["!#$%&'*+.^`|~-_9"]);
  assert.deepEqual(headers("x".repeat(64)), ["x".repeat(64)]);
  assert.deepEqual(onlyCommandOf(cmd, ["--pass-headers=X-A"]).passHeaders, ["x-a"]);
});

Deno.test("JOBRUNNER_PASS_HEADERS rejects a list in one line, which says why", () => {
  for (
    const [list, detail] of [
      ["x-a,x b", "x b is not one"],
      ["x:a", "x:a is not one"],
      ["ä", "ä is not one"],
      ["x-a;q=1", "x-a;q=1 is not one"],
      ["x/a", "x/a is not one"],
      [names(33).join(), "there are 33, more than 32"],
      ["x".repeat(65), `${"x".repeat(65)} has 65 characters, more than 64`],
      ["X-JR-PASSWORD", "x-jr-password holds the server's password"],
      ["x-a,X-A", "x-a and x-a would both become JOBRUNNER_HTTP_X_A"],
      ["x-a,x-b,x.a", "x-a and x.a would both become JOBRUNNER_HTTP_X_A"],
      [
        "Listen-Address",
        "listen-address would become JOBRUNNER_HTTP_LISTEN_ADDRESS, which is a setting",
      ],
      ["listen_port", "listen_port would become JOBRUNNER_HTTP_LISTEN_PORT, which is a setting"],
    ] as const
  ) {
    assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_PASS_HEADERS: list }), [
      `JOBRUNNER_PASS_HEADERS=${list}: ${wanted} (${detail})`,
    ]);
  }
  assert.deepEqual(errorsOf(cmd, ["--pass-headers", "x b"]), [
    `--pass-headers=x b: ${wanted} (x b is not one)`,
  ]);
});

Deno.test("pass_headers may be an array, at the top and in a command, whose own list wins", () => {
  const a = "[commands.a]\ncmd = '/bin/date'\n";
  const headers = (toml: string) => configOfFile(toml).commands[0]?.passHeaders;
  assert.deepEqual(headers(`pass_headers = ["X-A", "x-b"]\n${a}`), ["x-a", "x-b"]);
  assert.deepEqual(headers(`pass_headers = "X-A, x-b"\n${a}`), ["x-a", "x-b"]);
  for (const [own, kept] of [["['X-C']", ["x-c"]], ["'x-c'", ["x-c"]], ["[]", []], ["''", []]]) {
    assert.deepEqual(headers(`pass_headers = ["X-A"]\n${a}pass_headers = ${own}\n`), kept);
  }
  assert.deepEqual(errorsOfFile(`pass_headers = ["x-a", "x b"]\n${a}`), [
    `jobrunner.toml:1: pass_headers = […]: ${wanted} (x b is not one)`,
  ]);
  assert.deepEqual(errorsOfFile(`pass_headers = ["x-a", 1]\n${a}`), [
    `jobrunner.toml:1: pass_headers = […]: ${wanted}`,
  ]);
  assert.deepEqual(errorsOfFile(`${a}pass_headers = ["x-a", "x_a"]\n`), [
    `jobrunner.toml:3: commands.a.pass_headers = […]: ${wanted} (x-a and x_a would both become JOBRUNNER_HTTP_X_A)`,
  ]);
});

Deno.test("headerVariable() keeps letters and digits, in upper case", () => {
  assert.equal(headerVariable("x-tenant"), "JOBRUNNER_HTTP_X_TENANT");
  assert.equal(headerVariable("proxy"), "JOBRUNNER_HTTP_PROXY");
  assert.equal(headerVariable("a.b'c~1"), "JOBRUNNER_HTTP_A_B_C_1");
});
