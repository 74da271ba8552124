import { watch } from "../../src/supervisor/folder_watch.ts";
import { temporaryFolder } from "../support/folder.ts";

Deno.test("watch() leaves no timer when it is closed while it pauses after a change", async () => {
  using folder = temporaryFolder();
  using changes = Deno.watchFs(folder.path, { recursive: false });
  const watched = watch(folder.path, () => {});
  Deno.writeTextFileSync(`${folder.path}/new`, "");
  for await (const _change of changes) break;
  // The other watcher has its event by now, or has it next.
  await new Promise((resolve) => setTimeout(resolve));
  watched[Symbol.dispose]();
});
