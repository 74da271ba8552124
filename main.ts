/**
 * The switchboard: runs one of the subcommands and sets the exit code.
 *
 * @module
 */

import { exits } from "./src/cli/send_failure.ts";
import { canReload } from "./src/config/fixed.ts";
import { helpText } from "./src/config/help.ts";
import { parseCommandLine } from "./src/config/sources.ts";
import { shownArgument } from "./src/config/shown.ts";
import { check } from "./src/supervisor/check.ts";
import { createConfigReader } from "./src/supervisor/config_reader.ts";
import { areUtf8, undecodableVariables } from "./src/supervisor/surroundings.ts";
import { supervise } from "./src/supervisor/supervisor.ts";
import { version } from "./src/version.ts";

/** Runs the program and resolves with its exit code: 0 success, 1 failure, 2 wrong usage or configuration; `send` has its own. */
export async function main(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const [first = "serve", ...rest] = args;
  if (!areUtf8(args)) {
    console.error("the command line: must be UTF-8 text");
    return first === "send" ? exits.usage.status : 2;
  }
  switch (first) {
    case "serve":
      return await serve(rest, env);
    case "send":
      return await (await import("./src/cli/send.ts")).send(rest, env, undecodableVariables(env));
    case "token":
      return await (await import("./src/cli/token.ts")).token(rest);
    case "wait-file":
      return await (await import("./src/cli/wait_file.ts")).waitFile(rest);
    case "help":
    case "--help":
    case "-h":
      console.log(helpText().trimEnd());
      return 0;
    case "version":
    case "--version":
      console.log(`jobrunner ${version} (Deno ${Deno.version.deno}, ${Deno.build.target})`);
      return 0;
    default:
      if (first.startsWith("-")) return await serve(args, env);
      console.error(
        `${
          shownArgument(first)
        }: must be a subcommand (serve, send, token, wait-file, help or version): see jobrunner --help`,
      );
      return 2;
  }
}

async function serve(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const commandLine = parseCommandLine(args);
  if (commandLine.help) return await main(["help"], env);
  const read = createConfigReader(env, commandLine);
  const result = await read();
  if (!result.ok) {
    for (const error of result.errors) console.error(error);
    return 2;
  }
  if (!commandLine.check) {
    const { config, files } = result;
    return await supervise(result, env, canReload(config) ? { read, files } : undefined);
  }
  const report = await check(result, env);
  for (const line of report.lines) console.log(line);
  return report.healthy ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args, Deno.env.toObject()));
