/**
 * The text of `--help`, made from the table of settings.
 *
 * @module
 */

import type { Kind } from "./kinds.ts";
import { flagOf, type Setting } from "./setting.ts";
import { settings } from "./settings.ts";

const help = `jobrunner turns a command into a bounded HTTP service.

usage: jobrunner [serve] [flags] [-- PROGRAM ARG…]
       jobrunner send [flags] FILE|-
       jobrunner token new NAME
       jobrunner wait-file TIMEOUT_SEC FOLDER NAME
       jobrunner --help | --version

  serve          run the service (the default)
  serve --check  print the effective configuration and what the sandbox permits, then exit
  send           post a file as a job and behave as its command did: see jobrunner send --help
  token new      make a token for a client: see jobrunner token --help
  wait-file      wait for a file that another program writes. Exit status 0: it exists and has
                 stopped growing; 1: timeout; 2: wrong usage or unreadable folder
  -h, --help     print this text
  --version      print the version

exit status 0: stopped cleanly; 1: could not start, interrupted jobs or answers, or met a bug;
            2: wrong usage or configuration

Settings are environment variables. Each except the password also has a flag of serve, which
wins. An empty value counts as unset. The TOML file that JOBRUNNER_CONFIG_FILE names may hold
them too, in lower case without JOBRUNNER_, and named commands in tables [commands.NAME]. Of the
standard variables, OTEL_EXPORTER_OTLP_ENDPOINT turns traces on, and the other OTEL_* variables
configure them; NOTIFY_SOCKET and WATCHDOG_USEC are set by systemd.

`;

/** The text of `jobrunner --help`. */
export function helpText(): string {
  return help + settings.map((setting: Setting) => {
    const flag = flagOf(setting);
    const head = `  ${setting.name}${flag ? `  --${flag} ${placeholderOf(setting.kind)}` : ""}`;
    const body = wrap(setting.meaning + defaultOf(setting), 88).map((line) => `      ${line}`);
    return [head, ...body].join("\n");
  }).join("\n") + "\n";
}

function placeholderOf(kind: Kind): string {
  switch (kind.type) {
    case "seconds":
      return "SECONDS";
    case "choice":
      return kind.of.join("|");
    case "text":
    case "whole":
      return kind.placeholder;
  }
}

function defaultOf(setting: Setting): string {
  return setting.default === "" ? "" : ` Default: ${setting.default}.`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}
