/**
 * What the service isolate can and cannot do, found out by trying. For `jobrunner serve --check`.
 *
 * @module
 */

import { basename, join } from "node:path";
import { jobFolderIn } from "../spool/spool.ts";
import type { Launcher } from "../exec/start.ts";
import type { Probe, ServiceStart } from "./messages.ts";

/**
 * Tries each thing once, in the isolate that calls it. Nothing is changed and the command itself does not run: the launcher,
 * if there is one, starts env(1) in its place.
 */
export async function runProbes(start: ServiceStart): Promise<Probe[]> {
  const { config, commandEnv, launcher, spool } = start;
  const { program } = config.work.command;
  const outside = `${spool}.probe`;
  const spawn = (path: string, env: Readonly<Record<string, string>> = {}) => {
    // The permission is looked at first; then the start fails for want of its working directory, so nothing ever runs.
    new Deno.Command(path, {
      cwd: join(spool, "no-such-folder"),
      clearEnv: true,
      env: { ...commandEnv, ...env },
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
    // Without the sandbox the service can start anything, so the launcher binds nobody.
    ...await (config.sandbox && launcher
      ? choicesThrough(launcher)
      : choicesWithout((env) => spawn(program, env))),
    await probe("using the spool", true, () => {
      const folder = jobFolderIn(spool, "probe");
      Deno.mkdirSync(folder);
      Deno.writeTextFileSync(join(folder, "file"), "");
      Deno.removeSync(folder, { recursive: true });
    }),
    await probe("running the command", true, () => spawn(launcher?.path ?? program)),
  ];
}

/** Variables with which whoever chooses them has code of their own run in a command that is a script or a dynamic program. */
const variables = {
  PATH: "/no-such-folder",
  BASH_ENV: "/no-such-file",
  LD_PRELOAD: "/no-such-file",
};

const choosing = (what: string) => `choosing the command's ${what}`;

/** What the service chooses of a command that the launcher starts: none of these. Empty where there is no env(1) to tell. */
async function choicesThrough({ path }: Launcher): Promise<Probe[]> {
  const shows = async (line: string, options: Pick<Deno.CommandOptions, "args" | "env">) => {
    const { stdout } = await new Deno.Command(path, { ...options, clearEnv: true, stdin: "null" })
      .output();
    return new TextDecoder().decode(stdout).split("\n").includes(line);
  };
  if (!await shows("TRACESTATE=seen", { env: { TRACESTATE: "seen" } })) return [];
  const chosen = Object.entries(variables).map(([name, value]) =>
    probe(choosing(name), false, () => shows(`${name}=${value}`, { env: { [name]: value } }))
  );
  return [
    ...await Promise.all(chosen),
    await probe(choosing("arguments"), false, () => shows("CHOSEN=1", { args: ["CHOSEN=1"] })),
  ];
}

/** What it chooses where it starts the command itself: everything but what the runtime refuses. */
async function choicesWithout(
  spawn: (env?: Readonly<Record<string, string>>) => void,
): Promise<Probe[]> {
  const chosen = Object.entries(variables).map(([name, value]) =>
    probe(choosing(name), name !== "LD_PRELOAD", () => spawn({ [name]: value }))
  );
  return [...await Promise.all(chosen), await probe(choosing("arguments"), true, () => spawn())];
}

/**
 * What is not expected to work counts as allowed when it fails for another reason than a missing permission; what is
 * expected to work must really work, but for the folder that is missing on purpose. An action that finds out that it had no
 * effect says false.
 */
async function probe(attempt: string, expected: boolean, action: () => unknown): Promise<Probe> {
  try {
    return { attempt, expected, allowed: await action() !== false };
  } catch (error) {
    const refused = error instanceof Deno.errors.NotCapable ||
      (expected && !(error instanceof Deno.errors.NotFound));
    return { attempt, expected, allowed: !refused };
  }
}
