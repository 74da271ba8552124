/**
 * The command that `POST /payload` runs.
 *
 * @module
 */

import type { ConfigFile } from "./config_file.ts";
import { didYouMean } from "./similar.ts";
import type { Values } from "../sources.ts";

/**
 * Reads its name; undefined if there is none. Without a value it is the command `default`, if there is one: the one of
 * JOBRUNNER_CMD always has this name, and then no other may be chosen.
 */
export function readDefaultCommand(
  values: Values,
  { names, settingCommand, file }: {
    /** Names of all commands of the file. */
    readonly names: readonly string[];
    /** Where the command `default` is set, if not in the file. */
    readonly settingCommand: string | undefined;
    /** The configuration file, if there is one. */
    readonly file: ConfigFile | undefined;
  },
): string | undefined {
  const name = values.text("JOBRUNNER_DEFAULT_COMMAND");
  const refuse = (wanted: string) =>
    values.addError("JOBRUNNER_DEFAULT_COMMAND", undefined, wanted);
  if (!file || settingCommand !== undefined) {
    if (name === "" || name === "default") return "default";
    return refuse(
      file
        ? `left out or default, which is the command that ${settingCommand} sets`
        : "left out or default: only a configuration file can have other commands",
    );
  }
  // Nothing is known of a file that could not be read.
  if (file.errors.length > 0) return undefined;
  if (name === "") return names.includes("default") ? "default" : undefined;
  return names.includes(name)
    ? name
    : refuse(`the name of a command, and there is none of this name${didYouMean(name, names)}`);
}
