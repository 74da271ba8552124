/**
 * The recipes of `docs/guides/recipes.md`, served as they stand there or changed, and files to send to them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Answer, postRaw } from "./client.ts";
import { temporaryFolder } from "./folder.ts";
import { type Program, projectRoot, startCommand } from "./program.ts";

/** Bytes of a file. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The page. */
export const page: string = Deno.readTextFileSync(`${projectRoot}docs/guides/recipes.md`);

/** The shell blocks of the page, in order: one that serves, one that sends, and so on. */
export const blocks: readonly string[] = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((
  [, block = ""],
) => block);

/** One recipe as the page has it. */
export interface Recipe {
  /** Makes the script and serves it. */
  readonly serving: string;
  /** Sends a file. */
  readonly sending: string;
  /** The name of the file that is sent. */
  readonly input: string;
  /** The name of the file that comes back. */
  readonly output: string;
}

/** The recipes by the names of their scripts. */
export const recipes: ReadonlyMap<string, Recipe> = new Map(recipesOf(blocks));

function* recipesOf(blocks: readonly string[]): Generator<readonly [string, Recipe]> {
  for (let at = 0; at < blocks.length; at += 2) {
    const [serving = "", sending = ""] = blocks.slice(at);
    const [, script] = /jobrunner serve -- \.\/(\S+)\n$/.exec(serving) ?? [];
    const [, output, input] = /^jobrunner send --output (\S+) (\S+)\n$/.exec(sending) ?? [];
    assert.ok(script && output && input, `no recipe:\n${serving}\n${sending}`);
    yield [script, { serving, sending, input, output }];
  }
}

/** The recipe whose script has this name; throws when there is none. */
export function recipe(script: string): Recipe {
  const found = recipes.get(script);
  assert.ok(found, `docs/guides/recipes.md has no recipe with ${script}`);
  return found;
}

/** Throws unless the page says this. */
export function says(text: string): void {
  assert.ok(page.includes(text), `docs/guides/recipes.md does not say: ${text}`);
}

/** Runs a program to its end; throws unless it exits with 0. */
export async function run(
  program: string,
  args: readonly string[],
  stdin: string | Bytes = "",
): Promise<Bytes> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ code, stdout, stderr }] = await Promise.all([
    child.output(),
    new Blob([stdin]).stream().pipeTo(child.stdin),
  ]);
  assert.equal(code, 0, `${program}: ${textOf(stderr)}`);
  return stdout;
}

/** Bytes as UTF-8 text. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A picture, or several, of eight by eight pixels in a format of ImageMagick. */
export function picture(format: string, ...colors: readonly string[]): Promise<Bytes> {
  return run("convert", ["-size", "8x8", ...colors.map((color) => `xc:${color}`), `${format}:-`]);
}

/** Makes a sound of two seconds as WAV, MP3 or another format, by the file's name. */
export async function makeSound(path: string): Promise<void> {
  await run("ffmpeg", ["-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=2", path]);
}

/** Such a sound as WAV. */
export async function sound(): Promise<Bytes> {
  using folder = temporaryFolder();
  await makeSound(`${folder.path}/sound.wav`);
  return await Deno.readFile(`${folder.path}/sound.wav`);
}

/** A Word document of Markdown. */
export function word(text: string): Promise<Bytes> {
  return run("pandoc", ["-f", "markdown", "-t", "docx", "-o", "-"], text);
}

/** A folder with `jobrunner`, which starts the source and sends to `$SERVER`, and variables with which commands in it find it. */
export function place(folder: string): Record<string, string> {
  const words = [Deno.execPath(), "run", "-A", "--cached-only", `${projectRoot}main.ts`];
  const start = `exec ${words.map((word) => `'${word}'`).join(" ")} "$@"`;
  const script = `#!/bin/sh\n[ "$1" = send ] || ${start}\n${start} \${SERVER:+--url "$SERVER"}\n`;
  Deno.writeTextFileSync(`${folder}/jobrunner`, script, { mode: 0o755 });
  Deno.mkdirSync(`${folder}/spool`, { recursive: true });
  return {
    PATH: `${folder}:${Deno.env.get("PATH")}`,
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_LOG_FORMAT: "text",
    JOBRUNNER_SPOOL_DIR: `${folder}/spool`,
  };
}

/** Types a recipe's first block in a folder; `change` makes another script of it. */
export async function serve(
  script: string,
  folder: string,
  { env = {}, change = (block) => block }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly change?: Change;
  } = {},
): Promise<Program> {
  if (script === "upper.sh") {
    await run("mcs", [`-out:${folder}/upper.exe`, `${projectRoot}test/fixtures/upper.cs`]);
  }
  // The server takes the place of the shell, so that a signal reaches it.
  const block = replaced(change(recipe(script).serving), "jobrunner serve", "exec jobrunner serve");
  return await startCommand("bash", {
    args: ["-euc", block],
    cwd: folder,
    env: { ...place(folder), ...env },
  });
}

/** A text with one part replaced, which must be there. */
export function replaced(text: string, part: string, by: string): string {
  assert.ok(text.includes(part), `${text}\nhas no ${part}`);
  return text.replaceAll(part, by);
}

/** The answer of a recipe, or of another script made of it, to one payload. */
export async function answerTo(
  payload: string | Bytes,
  script: string,
  change: Change = (block) => block,
  env: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  using folder = temporaryFolder();
  await using program = await serve(script, folder.path, { change, env });
  return await postPayload(program.url, payload);
}

/** Posts a payload under an id that looks like the name of another kind of file. */
export function postPayload(url: string, payload: string | Bytes): Promise<Answer> {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  return postRaw(url, JSON.stringify({ id: "a picture.jpg", data: bytes.toBase64() }));
}

/** Makes another block of a recipe's first one. */
export type Change = (block: string) => string;

/** Gives a block other suffixes, or none, in place of all its settings. */
export function withSuffixes(request: string, response: string): Change {
  const settings = `JOBRUNNER_REQUEST_SUFFIX=${request} JOBRUNNER_RESPONSE_SUFFIX=${response}`;
  return (block) => block.replace(/^.*jobrunner serve/m, `${settings} jobrunner serve`);
}

/** Replaces a part of a block, which must be there; with suffixes, gives it these as well. */
export function changed(
  part: string,
  by: string,
  suffixes?: readonly [request: string, response: string],
): Change {
  return (block) => replaced(suffixes ? withSuffixes(...suffixes)(block) : block, part, by);
}

/** The status of a run and the first six bytes of its response file, one character each. */
export function ending({ json }: Answer): readonly [unknown, string] {
  return [json["exit_status"], atob(String(json["data"])).slice(0, 6)];
}
