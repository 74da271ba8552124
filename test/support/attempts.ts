/**
 * What the program prints and answers, to be searched for secrets.
 *
 * @module
 */

import { type Canary, formsIn } from "./canary.ts";
import { type ProgramOptions, runProgram } from "./program.ts";

/** One run of the program to its end. */
export interface Attempt extends ProgramOptions {
  /** What it is called in a finding. */
  readonly name: string;
  /** What it must not show. */
  readonly secrets: readonly Canary[];
  /** Exit codes that are expected. */
  readonly codes: readonly number[];
}

/** A run with wrong arguments that hold a secret; `args` gets its text, and in the name the word SECRET. */
export function wrongUsage(secret: Canary, args: (text: string) => string[]): Attempt {
  return {
    name: args("SECRET").join(" "),
    args: args(secret.text),
    codes: [2, 64],
    secrets: [secret],
  };
}

/** Runs everything, a few at a time, and reports what was wrong with it, one line each. */
export async function findingsOf(attempts: readonly Attempt[]): Promise<string[]> {
  const findings: string[] = [];
  const left = attempts.values();
  await Promise.all([1, 2, 3].map(async () => {
    for (const { name, secrets, codes, through = [], ...options } of left) {
      // A program that serves although it should not is killed.
      const bounded = { ...options, through: ["timeout", "60", ...through] };
      const { code, stdout, stderr } = await runProgram(bounded);
      const said = `${stdout}\n${stderr}`;
      const shown = said.slice(0, 400);
      if (!codes.includes(code)) findings.push(`${name}: exit ${code}: ${shown}`);
      if (/Uncaught|^ +at /m.test(stderr)) findings.push(`${name}: an exception: ${shown}`);
      if (options.args?.[0] === "send" && stderr.trim().includes("\n")) {
        findings.push(`${name}: several lines: ${shown}`);
      }
      for (const secret of secrets) {
        const forms = await formsIn(said, secret);
        if (forms.length > 0) findings.push(`${name}: shown as ${forms.join()}: ${shown}`);
      }
    }
  }));
  return findings;
}

/** Everything in an answer, with its base64 decoded as well. */
export async function saidIn(response: Response): Promise<string> {
  const body = await response.text();
  const head = [...response.headers].map((header) => header.join(": ")).join("\n");
  const decoded = response.status === 200 && body.includes('"exit_status"')
    ? ["output", "error", "data"].map((key) => atob(JSON.parse(body)[key])).join("\n")
    : "";
  return `${response.status}\n${head}\n${body}\n${decoded}`;
}
