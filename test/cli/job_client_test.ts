import assert from "node:assert/strict";
import { credentialsOf } from "../../src/cli/job_client.ts";
import { parseSendOptions } from "../../src/cli/send_options.ts";
import { newToken } from "../../src/wire/tokens.ts";
import { temporaryFolder } from "../support/folder.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const utf16 = (text: string) => utf8(text.replace(/./gs, "$&\0"));

function credentialsIn(content: Uint8Array<ArrayBuffer>) {
  using folder = temporaryFolder();
  const file = `${folder.path}/token`;
  Deno.writeFileSync(file, content);
  return credentialsOf(parseSendOptions(["-", "--token-file", file], {}));
}

Deno.test("credentialsOf() reads a token from one line, however the shell wrote it", () => {
  const token = newToken();
  const expected = { name: "authorization", value: `Bearer ${token}`, secrets: [token] };
  for (const end of ["", "\n", "\r\n"]) {
    assert.deepEqual(credentialsIn(utf8(token + end)), expected);
    assert.deepEqual(credentialsIn(utf8(`\ufeff${token}${end}`)), expected);
    const withMark = new Uint8Array([0xff, 0xfe, ...utf16(token + end)]);
    assert.deepEqual(credentialsIn(withMark), expected);
  }
});

Deno.test("credentialsOf() accepts every token that the scheme Bearer can carry, up to 4096 bytes", () => {
  for (const token of ["a", "aZ09-._~+/==", "x".repeat(4096)]) {
    assert.equal(credentialsIn(utf8(token))?.value, `Bearer ${token}`);
  }
});

Deno.test("credentialsOf() refuses other content of a token file without showing it", () => {
  const contents = [
    ...["", "\n", "hunter2 ", " hunter2", "=hunter2", "hunt=er2", "hunter2\nhunter2"],
    ...["hunter2\0", "hünter2", '"hunter2"', "Bearer hunter2"],
  ].map(utf8);
  contents.push(utf16("hunter2"), utf8("hunter2".repeat(600)), utf8("x".repeat(4096) + "\n"));
  for (const content of contents) {
    assert.throws(() => credentialsIn(content), (error: { exit: number; message: string }) => {
      assert.equal(error.exit, 66);
      assert.match(
        error.message,
        /\/token: must be a file that holds a token: one line of letters, digits and -\._~\+\/ with = only/,
      );
      assert.doesNotMatch(error.message, /hunter2|h.nt/);
      return true;
    });
  }
});

Deno.test("credentialsOf() names a token file that cannot be read", () => {
  assert.throws(() => credentialsOf(parseSendOptions(["-", "--token-file", "nowhere"], {})), {
    exit: 66,
    message: /^nowhere: cannot be read: /,
  });
});

Deno.test("credentialsOf() sends a password as its bytes, and nothing without token and password", () => {
  assert.equal(credentialsOf(parseSendOptions(["-"], {})), undefined);
  assert.deepEqual(credentialsOf(parseSendOptions(["-"], { JOBRUNNER_PASSWORD: "pä" })), {
    name: "X-JR-PASSWORD",
    value: "p\xc3\xa4",
    secrets: ["p\xc3\xa4", "pä"],
  });
});
