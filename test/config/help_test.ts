import assert from "node:assert/strict";
import { helpText } from "../../src/config/help.ts";
import { flagOf, type Setting } from "../../src/config/setting.ts";
import { settings } from "../../src/config/settings.ts";

Deno.test("--help names every setting and its flag", () => {
  const text = helpText();
  for (const setting of settings as readonly Setting[]) {
    assert.ok(text.includes(setting.name), setting.name);
    const flag = flagOf(setting);
    if (flag) assert.ok(text.includes(`--${flag}`), flag);
  }
});

Deno.test("--help fits a terminal of 100 columns", () => {
  for (const line of helpText().split("\n")) assert.ok(line.length <= 100, line);
});
