import assert from "node:assert/strict";
import {
  oneLine,
  shownArgument,
  shownFlag,
  shownUrl,
  withoutUrlSecrets,
} from "../../src/config/shown.ts";

Deno.test("shownUrl() shows a URL that has no place for a password, and hides any other text", () => {
  for (
    const shown of [
      "h:1",
      "collector:4318",
      "[::1]:8080",
      "ftp://h/a/b",
      "http://127.0.0.1:8080",
      "https://[::1]/otlp",
      "",
    ]
  ) assert.equal(shownUrl(shown), shown);
  for (
    const hidden of [
      "http://user:hunter2@h",
      "user:hunter2@",
      "user:hun\nter2\n@h",
      "http:user:hunter2@h",
      "user:hunter2",
      "http://user:hunter2",
      "http://user:#hunter2@h",
      "http://user%3Ahunter2%40h",
      "http://h\\hunter2",
      "http://h/\u2028hunter2",
      "http://h?key=hunter2",
      "http://h:1 hunter2",
    ]
  ) assert.equal(shownUrl(hidden), "***", hidden);
});

Deno.test("withoutUrlSecrets() hides user, password and query of a URL in a sentence", () => {
  for (
    const [sentence, shown] of [
      ["connect ECONNREFUSED 127.0.0.1:4318", "connect ECONNREFUSED 127.0.0.1:4318"],
      ["of 'http://u:hunter2@h:1/v1', sorry", "of 'http://***@h:1/v1', sorry"],
      ["of http://u:hun//te@r2\n@h", "of http://***@h"],
      ["url (http://h/?key=hunter2&a=#b): dns", "url (http://h/?*** dns"],
      ["http:u:hunter2@h", "***@h"],
      ["is it so? (why)", "is it so? (why)"],
    ]
  ) assert.equal(withoutUrlSecrets(sentence ?? ""), shown);
});

Deno.test("shownArgument() and shownFlag() show a name without its value", () => {
  assert.equal(shownArgument("JOBRUNNER_PASSWORD=hunter2=\n"), "JOBRUNNER_PASSWORD=***");
  assert.equal(shownArgument("stray\n"), "stray\\n");
  assert.equal(shownFlag("--password:hunter2"), "--password");
  assert.equal(shownFlag("-p"), "-p");
});

Deno.test("oneLine() escapes every character that would begin a new line", () => {
  assert.equal(oneLine("a\r\nb\0\x7f\x85\u2028"), "a\\r\\nb\\u0000\\u007f\\u0085\\u2028");
});
