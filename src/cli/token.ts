/**
 * `jobrunner token new NAME`: makes a token for a client.
 *
 * @module
 */

import { type Flag, readFlags } from "../config/flags.ts";
import { commandNameForm, isCommandName } from "../wire/commands.ts";
import { scopes } from "../wire/resources.ts";
import { newToken, passwordName } from "../wire/tokens.ts";
import { writeAll } from "./output_target.ts";

/** The text of `jobrunner token --help`. */
export const tokenUsage = `usage: jobrunner token new NAME

Makes a token, by which the server knows a client. The token is the only line on standard output; it
is not stored anywhere and cannot be shown again. Standard error gets the table for the file that
JOBRUNNER_TOKENS_FILE of the server names, with the token's SHA-256:

  (umask 077; jobrunner token new ci > ci.token 2> ci.toml)
  jobrunner send --token-file ci.token FILE

NAME is ${commandNameForm}. The name
${passwordName} stands for the server's password and cannot be given to a token.

exit status 0: made; 1: an output cannot be written, and the token is of no use; 2: wrong usage`;

const flags: ReadonlyMap<string, Flag> = new Map([["help", { short: "h" }]]);

/**
 * Runs `token` and resolves with the exit code. 0: the token is on standard output and its table on standard error; 1: one of
 * them cannot be written; 2: wrong usage. Sentences show no argument but a flag's name, since somebody may have given a token.
 */
export async function token(args: readonly string[]): Promise<number> {
  const { switches, positionals, rest = [], errors } = readFlags(args, flags, {
    unknown: "must be a flag of jobrunner token",
  });
  if (switches.has("help")) {
    console.log(tokenUsage);
    return 0;
  }
  const [action, name, ...more] = [...positionals, ...rest];
  const fault = errors[0] ?? faultIn(action, name, more.length > 0);
  if (name === undefined || fault !== undefined) {
    console.error(`jobrunner token: ${fault}: see jobrunner token --help`);
    return 2;
  }
  const made = newToken();
  try {
    await print(made);
    await writeAll(Deno.stderr, new TextEncoder().encode(await tableOf(name, made)));
    return 0;
  } catch (error) {
    console.error(
      `jobrunner token: standard output or error: cannot be written: ${(error as Error).message}`,
    );
    return 1;
  }
}

/** A sentence about wrong arguments; undefined if they are right. */
function faultIn(
  action: string | undefined,
  name: string | undefined,
  hasMore: boolean,
): string | undefined {
  if (action !== "new") return "the first argument: must be new";
  if (name === undefined || !isCommandName(name)) {
    return `NAME: must be a token's name: ${commandNameForm}`;
  }
  if (name === passwordName) {
    return `NAME: must be another one than ${passwordName}, which stands for the server's password`;
  }
  return hasMore ? "NAME: must be the last argument" : undefined;
}

/** Writes the token to standard output. Rejects if it would be lost. */
async function print(made: string): Promise<void> {
  if (goesNowhere()) throw new Error("standard output is closed or the null device");
  await writeAll(Deno.stdout, new TextEncoder().encode(`${made}\n`));
}

/** Whether standard output is the null device, which the runtime also opens in place of one that is closed. */
function goesNowhere(): boolean {
  try {
    const [out, nothing] = ["/dev/stdout", "/dev/null"].map((path) => Deno.statSync(path));
    return out?.dev === nothing?.dev && out?.ino === nothing?.ino;
  } catch {
    // Windows has no such names.
    return false;
  }
}

/** The table for the tokens file, with hints as comments, so that all of it can be appended to the file. */
async function tableOf(name: string, made: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(made));
  return `\
# The token ${name} is on standard output. It is not stored anywhere and cannot be shown again.
# Add this table to the file that JOBRUNNER_TOKENS_FILE names, then reload the server.
# To replace a token, list both digests until no client sends the old one: sha256 = ["OLD", "NEW"]
# Scopes: ${scopes.join(", ")}. Further keys: commands = ["pdf"], expires = 2027-01-01,
# addresses = ["10.0.0.0/8"], max_running = 2, max_waiting = 10
[tokens.${name}]
sha256 = "${new Uint8Array(digest).toHex()}"
scopes = ["submit"]
`;
}
