/**
 * The README's recipes for converters, run as they stand there, with the real ImageMagick and the real pandoc; and what it
 * says about both.
 */

import assert from "node:assert/strict";
import { type Answer, post, postRaw } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot, startCommand, startProgram } from "../support/program.ts";

const readme = Deno.readTextFileSync(`${projectRoot}README.md`);

/** The shell block of the README that makes a script of this name and serves it. */
function recipe(script: string): string {
  const block = [...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block)
    .find((block) => block.includes(`jobrunner serve -- ./${script}`));
  assert.ok(block, `the README has no recipe with ${script}`);
  return block;
}

/** Runs a recipe in a folder; `jobrunner` is a script there that starts the source. */
function serve(recipe: string, folder: string) {
  const words = [Deno.execPath(), "run", "-A", "--cached-only", `${projectRoot}main.ts`];
  const start = `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`;
  Deno.writeTextFileSync(`${folder}/jobrunner`, start, { mode: 0o755 });
  // The server takes the place of the shell, so that a signal reaches it.
  return startCommand("bash", {
    args: ["-euc", recipe.replace("jobrunner serve", "exec jobrunner serve")],
    cwd: folder,
    env: {
      PATH: `${folder}:${Deno.env.get("PATH")}`,
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_LOG_FORMAT: "text",
      JOBRUNNER_SPOOL_DIR: folder,
    },
  });
}

/** The same command with other suffixes, or none. */
function serveWith(
  folder: string,
  script: string,
  [request, response]: readonly [string, string],
) {
  const path = `${folder}/other.sh`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return startProgram({
    env: {
      JOBRUNNER_CMD: path,
      JOBRUNNER_REQUEST_SUFFIX: request,
      JOBRUNNER_RESPONSE_SUFFIX: response,
      JOBRUNNER_SPOOL_DIR: folder,
    },
  });
}

/** The line of a recipe that runs the converter. */
function scriptOf(recipe: string): string {
  const [script] = /^exec .*$/m.exec(recipe) ?? [];
  assert.ok(script);
  return script;
}

/** A picture, or several, of eight by eight dots in a format of ImageMagick. */
async function picture(format: string, ...colors: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { stdout } = await new Deno.Command("convert", {
    args: ["-size", "8x8", ...colors.map((color) => `xc:${color}`), `${format}:-`],
  }).output();
  return stdout;
}

function postBytes(url: string, bytes: Uint8Array): Promise<Answer> {
  return postRaw(url, JSON.stringify({ id: "a picture.jpg", data: bytes.toBase64() }));
}

/** The beginning of the response file, one character per byte. */
function beginning({ json }: Answer): string {
  return atob(String(json["data"])).slice(0, 6);
}

const png = await picture("png", "red");
const pngBeginning = "\x89PNG\r\n";

Deno.test("ImageMagick: the recipe makes GIF of PNG; without suffixes the result is PNG", async () => {
  using folder = temporaryFolder();
  const example = recipe("png_to_gif.sh");
  {
    await using program = await serve(example, folder.path);
    const answer = await postBytes(program.url, png);
    assert.equal(answer.json["exit_status"], 0, answer.text);
    assert.equal(answer.error, "");
    assert.equal(beginning(answer), "GIF89a");
    const garbage = await post(program.url, "not a picture");
    assert.deepEqual([garbage.json["exit_status"], garbage.data], [1, ""]);
    assert.match(garbage.error, /improper image header/);
  }
  await using without = await serveWith(folder.path, scriptOf(example), ["", ""]);
  assert.equal(beginning(await postBytes(without.url, png)), pngBeginning);
});

Deno.test("ImageMagick: the content counts more than the suffix, unless the format is named", async () => {
  using folder = temporaryFolder();
  const example = recipe("png_to_gif.sh");
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>';
  {
    await using program = await serve(example, folder.path);
    assert.equal(beginning(await post(program.url, svg)), "GIF89a");
  }
  assert.ok(readme.includes('"png:$JOBRUNNER_REQUEST_DATA_FN"'));
  const named = scriptOf(example).replace('"$JOBRUNNER_REQ', '"png:$JOBRUNNER_REQ');
  await using strict = await serveWith(folder.path, named, ["", ".gif"]);
  assert.equal(beginning(await postBytes(strict.url, png)), "GIF89a");
  assert.equal((await post(strict.url, svg)).json["exit_status"], 1);
});

Deno.test("ImageMagick: TGA has no signature and is read only with its suffix", async () => {
  using folder = temporaryFolder();
  const script = scriptOf(recipe("png_to_gif.sh"));
  const tga = await picture("tga", "red");
  for (const [suffix, expected] of [[".tga", "GIF89a"], ["", ""]] as const) {
    await using program = await serveWith(folder.path, script, [suffix, ".gif"]);
    assert.equal(beginning(await postBytes(program.url, tga)), expected);
  }
});

Deno.test("ImageMagick: an animation leaves a PNG response file empty, its first picture does not", async () => {
  using folder = temporaryFolder();
  const script = scriptOf(recipe("png_to_gif.sh"));
  const animation = await picture("gif", "red", "blue");
  {
    await using program = await serveWith(folder.path, script, [".gif", ".png"]);
    const answer = await postBytes(program.url, animation);
    assert.deepEqual([answer.json["exit_status"], beginning(answer)], [0, ""]);
  }
  assert.ok(readme.includes('"$JOBRUNNER_REQUEST_DATA_FN[0]"'));
  const first = script.replace("REQUEST_DATA_FN", "REQUEST_DATA_FN[0]");
  await using program = await serveWith(folder.path, first, [".gif", ".png"]);
  assert.equal(beginning(await postBytes(program.url, animation)), pngBeginning);
});

/** The answer of a server with this command to one document. */
async function converted(
  script: string,
  suffixes: readonly [string, string],
  document: string,
): Promise<Answer> {
  using folder = temporaryFolder();
  await using program = await serveWith(folder.path, script, suffixes);
  return await post(program.url, document);
}

function withoutSandbox(script: string): string {
  assert.ok(script.includes(" --sandbox"));
  return script.replace(" --sandbox", "");
}

const markdown = "# Title\n\nSome *text*.\n";

Deno.test("pandoc: the recipe makes HTML of Markdown", async () => {
  using folder = temporaryFolder();
  await using program = await serve(recipe("md_to_html.sh"), folder.path);
  const answer = await post(program.url, markdown, { id: "invoice.docx" });
  assert.equal(answer.json["exit_status"], 0, answer.text);
  assert.doesNotMatch(answer.error, /Could not deduce format/);
  assert.match(answer.data, /<h1 id="title">Title<\/h1>\s*<p>Some <em>text<\/em>\.<\/p>/);
});

Deno.test("pandoc: the suffixes decide about both formats; without them it warns and writes HTML", async () => {
  const script = scriptOf(recipe("md_to_html.sh"));
  assert.match((await converted(script, [".md", ".tex"], markdown)).data, /Some \\emph\{text\}\./);
  assert.match((await converted(script, [".html", ".md"], "<em>text</em>")).data, /^\*text\*\n$/);
  const word = await converted(withoutSandbox(script), [".md", ".docx"], markdown);
  assert.ok(beginning(word).startsWith("PK\x03\x04"));
  const without = await converted(script, ["", ""], markdown);
  assert.match(without.error, /Could not deduce format from file extension/);
  assert.match(without.data, /<em>text<\/em>/);
});

Deno.test("pandoc: with --sandbox a document includes no file of the server", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/secret`, "hunter2\n");
  const script = scriptOf(recipe("md_to_html.sh"));
  const document = `.. include:: ${folder.path}/secret\n`;
  for (const [command, isIncluded] of [[script, false], [withoutSandbox(script), true]] as const) {
    const answer = await converted(command, [".rst", ".html"], document);
    assert.equal(answer.data.includes("hunter2"), isIncluded, answer.text);
  }
});
