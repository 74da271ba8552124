/**
 * Tries out what the service isolate can and cannot do, for `jobrunner serve --check`.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { atMost } from "../async/at_most.ts";
import { jobFolderIn } from "../spool/spool.ts";
import type { Launcher } from "../exec/start.ts";
import type { Probe, ServiceStart } from "./messages.ts";

/** How long it may take to connect, in milliseconds: the permission is checked first. */
const reachMs = 1000;

/**
 * Tries each action once, in the isolate that calls it. Nothing is changed, and the command itself does not run: the
 * launcher, if there is one, starts env(1) instead.
 */
export async function runProbes(start: ServiceStart): Promise<Probe[]> {
  const { config, starts, spool } = start;
  const outside = `${spool}.probe`;
  const spawn = (path: string, env: Readonly<Record<string, string>> = {}) => {
    // The permission is checked first; then the start fails because its working directory is missing, so nothing runs.
    new Deno.Command(path, { cwd: join(spool, "no-such-folder"), clearEnv: true, env }).spawn();
  };
  const programs = config.commands.map(({ command }) => basename(command.program));
  const [launcher] = starts.flatMap(({ launcher }) => launcher ? [launcher] : []);
  const others = Deno.build.os === "windows"
    ? ["C:\\Windows\\System32\\whoami.exe", "C:\\Windows\\System32\\hostname.exe"]
    : ["/bin/true", "/bin/false"];
  return [
    await probe("running another program", false, () => {
      spawn(others.find((other) => !programs.includes(basename(other))) ?? "");
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
    ...config.cluster
      ? [await probe("connecting to NATS", true, () => reach(config.cluster?.servers))]
      : [],
    ...config.http.socket
      ? [
        await probe("opening the socket", true, () => openSocket(config.http.socket?.opened)),
        await probe("opening another socket", false, () => openSocket(outside)),
      ]
      : [],
    await probe("reading a variable", false, () => Deno.env.get("PATH")),
    // Of one command for all: they are started in the same way. Without the sandbox the service can start any program, so the
    // launcher restricts nothing.
    ...await (config.sandbox && launcher?.holdsAll
      ? choicesThrough(launcher)
      : choicesWithout((env) => spawn(...firstStart(start, env)), launcher !== undefined)),
    ...launcher && config.named ? [await writingLauncher(launcher)] : [],
    await probe("using the spool", true, () => {
      const folder = jobFolderIn(spool, "probe");
      Deno.mkdirSync(folder);
      Deno.writeTextFileSync(join(folder, "file"), "");
      Deno.removeSync(folder, { recursive: true });
    }),
    ...await Promise.all(starts.map(({ name, launcher, env }, index) =>
      probe(
        config.named ? `running the command ${name}` : "running the command",
        true,
        () => spawn(launcher?.path ?? config.commands[index]?.command.program ?? "", env),
      )
    )),
  ];
}

/** Connects to each of these hosts. Rejects only if that is not permitted: nobody may listen there, or answer. */
async function reach(servers: readonly string[] = []): Promise<void> {
  await Promise.all(servers.map(async (server) => {
    const [, hostname = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(server) ?? [];
    try {
      const connecting = Deno.connect({ hostname, port: Number(port) });
      await atMost(reachMs, connecting.then((connection) => connection.close()));
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }));
}

/** Opens and removes a unix socket. Throws only if that is not permitted: the folder may be missing, or a server may be there. */
function openSocket(path = ""): void {
  try {
    Deno.listen({ transport: "unix", path }).close();
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
  }
}

/** What the service starts for the first command, and the environment that it gives it. */
function firstStart(
  { config, starts }: ServiceStart,
  env: Readonly<Record<string, string>> = {},
): [string, Readonly<Record<string, string>>] {
  const [start] = starts;
  const path = start?.launcher?.path ?? config.commands[0]?.command.program ?? "";
  return [path, { ...start?.env, ...env }];
}

/** Whether the service can replace a launcher, or create one that a later configuration would use. */
async function writingLauncher({ path }: Launcher): Promise<Probe> {
  return await probe("writing a launcher", false, () => {
    const place = join(dirname(path), "probe");
    Deno.openSync(place, { write: true, createNew: true }).close();
    Deno.removeSync(place);
  });
}

/** Variables that make a script or a dynamically linked program run code chosen by the caller. */
const variables = {
  PATH: "/no-such-folder",
  BASH_ENV: "/no-such-file",
  LD_PRELOAD: "/no-such-file",
};

const choosing = (what: string) => `choosing the command's ${what}`;

/** What the service can choose of a command that the launcher starts: none of these. Empty if env(1) is missing. */
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

/**
 * What it can choose of a command that it starts itself, or through a launcher that does not hold all: everything that the
 * runtime does not refuse. A launcher always holds the arguments.
 */
async function choicesWithout(
  spawn: (env?: Readonly<Record<string, string>>) => void,
  holdsArguments: boolean,
): Promise<Probe[]> {
  const chosen = Object.entries(variables).map(([name, value]) =>
    probe(choosing(name), name !== "LD_PRELOAD", () => spawn({ [name]: value }))
  );
  return [
    ...await Promise.all(chosen),
    ...holdsArguments ? [] : [await probe(choosing("arguments"), true, () => spawn())],
  ];
}

/**
 * An action that is expected to fail counts as allowed unless it fails for lack of a permission. One that is expected to
 * work must work, apart from the folder that is missing on purpose. An action returns false if it had no effect.
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
