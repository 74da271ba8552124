import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";

Deno.test("deno test fails a test that leaks a resource or an operation", async () => {
  using folder = temporaryFolder();
  const leaks = {
    resource: "Deno.openSync(import.meta.filename!);",
    operation: "setTimeout(() => {}, 60_000);",
    nothing: "",
  };
  for (const [name, body] of Object.entries(leaks)) {
    const file = `${folder.path}/${name}_test.ts`;
    Deno.writeTextFileSync(file, `Deno.test("${name}", () => {${body}});`);
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-config", "--no-check", file],
    }).output();
    assert.equal(
      code === 0,
      name === "nothing",
      `${name}: exit ${code}; run tests by “deno task test”`,
    );
  }
});
