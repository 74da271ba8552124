/**
 * What the service isolate can and cannot do, found out by trying. For `jobrunner serve --check`.
 *
 * @module
 */

import { basename, join } from "node:path";
import { jobFolderIn } from "../exec/spool.ts";
import type { Probe, ServiceStart } from "../messages.ts";

/** Tries each thing once, in the isolate that calls it. Nothing is changed and the command itself does not run. */
export async function runProbes({ config, commandEnv, spool }: ServiceStart): Promise<Probe[]> {
  const { program } = config.command;
  const outside = `${spool}.probe`;
  const spawn = (path: string) => {
    // The permission is looked at first; then the start fails for want of its working directory, so nothing ever runs.
    new Deno.Command(path, {
      cwd: join(spool, "no-such-folder"),
      clearEnv: true,
      env: { ...commandEnv },
    }).spawn();
  };
  const others = Deno.build.os === "windows"
    ? ["C:\\Windows\\System32\\whoami.exe", "C:\\Windows\\System32\\hostname.exe"]
    : ["/bin/true", "/bin/false"];
  return [
    await probe("running another program", false, () => {
      spawn(others.find((other) => basename(other) !== basename(program)) ?? "");
    }),
    await probe("reading /etc/passwd", false, () => Deno.readTextFileSync("/etc/passwd")),
    await probe("writing outside the spool", false, () => {
      Deno.openSync(outside, { write: true, createNew: true }).close();
      Deno.removeSync(outside);
    }),
    await probe(
      "connecting out",
      false,
      async () => (await Deno.connect({ hostname: "127.0.0.1", port: 9 })).close(),
    ),
    await probe("reading a variable", false, () => Deno.env.get("PATH")),
    await probe("using the spool", true, () => {
      const folder = jobFolderIn(spool, "probe");
      Deno.mkdirSync(folder);
      Deno.writeTextFileSync(join(folder, "file"), "");
      Deno.removeSync(folder, { recursive: true });
    }),
    await probe("running the command", true, () => spawn(program)),
  ];
}

/**
 * What is not expected to work counts as allowed when it fails for another reason than a missing permission; what is
 * expected to work must really work, but for the folder that is missing on purpose.
 */
async function probe(attempt: string, expected: boolean, action: () => unknown): Promise<Probe> {
  try {
    await action();
    return { attempt, expected, allowed: true };
  } catch (error) {
    const refused = error instanceof Deno.errors.NotCapable ||
      (expected && !(error instanceof Deno.errors.NotFound));
    return { attempt, expected, allowed: !refused };
  }
}
