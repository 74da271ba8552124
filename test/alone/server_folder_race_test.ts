import assert from "node:assert/strict";
import { newServerFolderPath, openServerFolder } from "../../src/supervisor/server_folder.ts";
import { temporaryFolder } from "../support/folder.ts";

Deno.test("openServerFolder() works while another server looks for dead folders all the time", async () => {
  using folder = temporaryFolder();
  const module = import.meta.resolve("../../src/supervisor/server_folder.ts");
  const code = `import { findDeadServerFolders } from ${JSON.stringify(module)};
    console.log("looks"); for (;;) { using _ = findDeadServerFolders(${
    JSON.stringify(folder.path)
  }); }`;
  await using other = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", code],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const looks = other.stdout.getReader();
  await looks.read();
  for (let start = 0; start < 2000; start++) {
    openServerFolder(newServerFolderPath(folder.path)).close();
  }
  other.kill("SIGKILL");
  await looks.cancel();
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});
