/**
 * What `docs/guides/recipes.md` says about the programs, tried out with them: the traps, and what each part of a recipe is there for.
 */

import assert from "node:assert/strict";
import { postRaw } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import {
  answerTo,
  changed,
  ending,
  makeSound,
  picture,
  postPayload,
  replaced,
  run,
  says,
  serve,
  sound,
  withSuffixes,
  word,
} from "../support/recipes.ts";

Deno.test("LibreOffice: each worker has a profile of its own, so that all convert at once", async () => {
  using folder = temporaryFolder();
  const env = { JOBRUNNER_NUM_WORKERS: "3" };
  await using program = await serve("docx_to_pdf.sh", folder.path, { env });
  const document = await word("words");
  const answers = await Promise.all([1, 2, 3].map(() => postPayload(program.url, document)));
  for (const answer of answers) {
    assert.deepEqual(ending(answer), [0, "%PDF-1"], answer.text);
    assert.ok(Deno.statSync(`${folder.path}/profile-${answer.json["worker_id"]}`).isDirectory);
  }
  assert.equal(new Set(answers.map(({ json }) => json["worker_id"])).size, 3);
});

Deno.test("LibreOffice: a working directory with characters that mean something in a URL will do", async () => {
  using folder = temporaryFolder();
  const odd = `${folder.path}/my #1 %41?`;
  Deno.mkdirSync(odd);
  const env = { JOBRUNNER_NUM_WORKERS: "1" };
  await using program = await serve("docx_to_pdf.sh", odd, { env });
  assert.deepEqual(ending(await postPayload(program.url, await word("words"))), [0, "%PDF-1"]);
  assert.ok(Deno.statSync(`${odd}/profile-1/user`).isDirectory);
});

const readsHtml = changed(" --infilter='MS Word 2007 XML'", "", [".html", ""]);
const followsLinks = (block: string) => replaced(readsHtml(block), "<value>true<", "<value>false<");
const linkTo = ({ port }: Deno.NetAddr) =>
  `<p>words</p><img src="http://127.0.0.1:${port}/picture.png">`;

Deno.test("LibreOffice: a timeout ends its processes, and the next job has the profile to itself", async () => {
  using folder = temporaryFolder();
  // Connections are made and never answered.
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using program = await serve("docx_to_pdf.sh", folder.path, {
    env: { JOBRUNNER_NUM_WORKERS: "1" },
    change: followsLinks,
  });
  const data = btoa(linkTo(silent.addr));
  const late = await postRaw(program.url, JSON.stringify({ id: "x", data, timeout_sec: 3 }));
  assert.deepEqual([late.json["exit_status"], late.json["timed_out"]], [124, true], late.text);
  assert.deepEqual(
    [...Deno.readDirSync("/proc")].filter(({ name }) => runs(name, folder.path)),
    [],
  );
  assert.deepEqual(ending(await postPayload(program.url, "<p>words</p>")), [0, "%PDF-1"]);
});

/** Is this process of /proc a LibreOffice with a profile in this folder? */
function runs(pid: string, folder: string): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(
      `UserInstallation=file://${folder}`,
    );
  } catch {
    return false;
  }
}

Deno.test("LibreOffice: without --infilter what is not a document becomes a PDF", async () => {
  says("Without `--infilter` any payload becomes a PDF");
  const anything = changed(" --infilter='MS Word 2007 XML'", "");
  assert.deepEqual(ending(await answerTo("\x01\x02 rubbish", "docx_to_pdf.sh", anything)), [
    0,
    "%PDF-1",
  ]);
});

Deno.test("LibreOffice: a document fetches linked pictures unless the profile forbids it", async () => {
  const asked: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return new Response(null, { status: 404 });
  });
  const html = linkTo(server.addr);
  assert.deepEqual(ending(await answerTo(html, "docx_to_pdf.sh", readsHtml)), [0, "%PDF-1"]);
  assert.deepEqual(asked, []);
  assert.deepEqual(ending(await answerTo(html, "docx_to_pdf.sh", followsLinks)), [0, "%PDF-1"]);
  assert.deepEqual([...new Set(asked)], ["/picture.png"]);
});

/** The ImageMagick recipe without the format of the payload, and with other suffixes. */
const anyFormat = (...suffixes: readonly [request: string, response: string]) =>
  changed('"png:', '"', suffixes);

Deno.test("ImageMagick: without suffixes the result has the payload's format", async () => {
  const png = await picture("png", "red");
  for (const change of [anyFormat("", ""), withSuffixes("", "")]) {
    assert.deepEqual(ending(await answerTo(png, "png_to_gif.sh", change)), [0, "\x89PNG\r\n"]);
  }
});

Deno.test("ImageMagick: an SVG puts a picture of the server into the result, unless the format is named", async () => {
  using folder = temporaryFolder();
  Deno.writeFileSync(`${folder.path}/secret.png`, await picture("png", "red"));
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="8" height="8">
    <image width="8" height="8" xlink:href="${folder.path}/secret.png"/></svg>`;
  assert.deepEqual(ending(await answerTo(svg, "png_to_gif.sh")), [1, ""]);
  const answer = await answerTo(svg, "png_to_gif.sh", anyFormat(".png", ".txt"));
  assert.match(answer.data, /^0,0: .* red$/m);
});

Deno.test("ImageMagick: TGA has no signature and is read only with its suffix", async () => {
  const tga = await picture("tga", "red");
  for (const [suffix, expected] of [[".tga", "GIF89a"], ["", ""]] as const) {
    const answer = await answerTo(tga, "png_to_gif.sh", anyFormat(suffix, ".gif"));
    assert.equal(ending(answer)[1], expected);
  }
});

Deno.test("ImageMagick: an animation leaves a PNG response file empty, its first picture does not", async () => {
  const animation = await picture("gif", "red", "blue");
  const all = anyFormat(".gif", ".png");
  assert.deepEqual(ending(await answerTo(animation, "png_to_gif.sh", all)), [0, ""]);
  says('"$JOBRUNNER_REQUEST_DATA_FN[0]"');
  const first = (block: string) => replaced(all(block), "REQUEST_DATA_FN", "REQUEST_DATA_FN[0]");
  assert.deepEqual(ending(await answerTo(animation, "png_to_gif.sh", first)), [0, "\x89PNG\r\n"]);
});

Deno.test("ImageMagick: a picture beyond the command's limits is refused", async () => {
  const limits = "-limit memory 64MiB -limit map 64MiB -limit disk 0";
  says(limits);
  const large = await run("convert", ["-size", "5000x5000", "xc:red", "png:-"]);
  const limited = changed("exec convert", `exec convert ${limits}`);
  const answer = await answerTo(large, "png_to_gif.sh", limited);
  assert.deepEqual(ending(answer), [1, ""]);
  assert.match(answer.error, /^convert: no images defined .*\n$/);
});

const markdown = "# Title\n\nSome *text*.\n";
const unconfined = [" --sandbox", ""] as const;

Deno.test("pandoc: the suffixes decide about both formats; without them it warns and writes HTML", async () => {
  const script = "md_to_html.sh";
  const answer = async (request: string, response: string, document = markdown) =>
    await answerTo(document, script, withSuffixes(request, response));
  assert.match((await answer(".md", ".tex")).data, /Some \\emph\{text\}\./);
  assert.match((await answer(".html", ".md", "<em>text</em>")).data, /^\*text\*\n$/);
  assert.doesNotMatch((await answer(".md", ".html")).error, /Could not deduce format/);
  const word = await answerTo(markdown, script, changed(...unconfined, [".md", ".docx"]));
  assert.deepEqual([word.json["exit_status"], word.data.slice(0, 2)], [0, "PK"]);
  const without = await answer("", "");
  assert.match(without.error, /Could not deduce format from file extension/);
  assert.match(without.data, /<em>text<\/em>/);
});

Deno.test("pandoc: with --sandbox a document includes no file of the server", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/secret`, "hunter2\n");
  const document = `.. include:: ${folder.path}/secret\n`;
  const confined = withSuffixes(".rst", ".html");
  const free = changed(...unconfined, [".rst", ".html"]);
  for (const [change, isIncluded] of [[confined, false], [free, true]] as const) {
    const answer = await answerTo(document, "md_to_html.sh", change);
    assert.equal(answer.data.includes("hunter2"), isIncluded, answer.text);
  }
});

Deno.test("Octave: load -ascii refuses what csvread takes for numbers", async () => {
  const words = "some words\n";
  assert.deepEqual(ending(await answerTo(words, "column_means.sh")), [1, ""]);
  const lenient = changed('load("-ascii", ', "csvread(");
  const answer = await answerTo(words, "column_means.sh", lenient);
  assert.deepEqual([answer.json["exit_status"], answer.data], [0, "0\n"]);
});

Deno.test("Octave: what SIGTERM makes it save lies in the job's folder, without the cd in the server's", async () => {
  const killed = changed("table = ", "kill(getpid(), SIG().TERM); table = ");
  for (const [part, by, isLeft] of [["cd ", "cd ", false], ['cd "', ': "', true]] as const) {
    using folder = temporaryFolder();
    const change = (block: string) => replaced(killed(block), part, by);
    await using program = await serve("column_means.sh", folder.path, { change });
    const answer = await postPayload(program.url, "1\n");
    assert.match(answer.error, /save to 'octave-workspace' complete/);
    const left = [...Deno.readDirSync(folder.path)].some(({ name }) => name === "octave-workspace");
    assert.equal(left, isLeft);
  }
});

Deno.test("Octave: a folder for the history keeps error empty", async () => {
  using home = temporaryFolder();
  const atHome = changed("exec octave-cli", `HOME='${home.path}' exec octave-cli`);
  const without = await answerTo("1 2\n", "column_means.sh", atHome);
  assert.match(without.error, /ignoring const execution_exception& while preparing to exit/);
  Deno.mkdirSync(`${home.path}/.local/share`, { recursive: true });
  const answer = await answerTo("1 2\n", "column_means.sh", atHome);
  assert.deepEqual([answer.json["exit_status"], answer.error], [0, ""]);
});

Deno.test("Ghostscript: with TMPDIR a file reaches its own job only, without it all of the temp folder", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/secret`, "hunter2\n");
  const reader = `%!PS\n(${folder.path}/secret) (r) file 80 string readline pop print\nshowpage\n`;
  const env = { TMPDIR: folder.path };
  const confined = await answerTo(reader, "ps_to_pdf.sh", undefined, env);
  assert.deepEqual(ending(confined), [1, ""]);
  assert.match(confined.error, /invalidfileaccess/);
  const open = changed('export TMPDIR="$JOBRUNNER_JOB_DIR"\n', "");
  const leaking = await answerTo(reader, "ps_to_pdf.sh", open, env);
  assert.deepEqual(ending(leaking), [0, "%PDF-1"]);
  assert.match(leaking.error, /hunter2/);
  const safe = await answerTo(
    replaced(reader, `${folder.path}/secret`, "/etc/passwd"),
    "ps_to_pdf.sh",
    open,
  );
  assert.match(safe.error, /invalidfileaccess/);
});

Deno.test("Ghostscript: what it has of a failed run is a PDF; without the mv it would be the answer", async () => {
  const half = "%!PS\nshowpage nonsense\n";
  assert.deepEqual(ending(await answerTo(half, "ps_to_pdf.sh")), [1, ""]);
  const direct = changed("$JOBRUNNER_JOB_DIR/out.pdf", "$JOBRUNNER_RESPONSE_DATA_FN");
  assert.deepEqual(ending(await answerTo(half, "ps_to_pdf.sh", direct)), [1, "%PDF-1"]);
});

Deno.test("Ghostscript: an endless file runs until the timeout and leaves no temporary file", async () => {
  using folder = temporaryFolder();
  using temporary = temporaryFolder();
  const env = { TMPDIR: temporary.path };
  await using program = await serve("ps_to_pdf.sh", folder.path, { env });
  const body = { id: "endless", data: btoa("%!PS\n{} loop\n"), timeout_sec: 1 };
  const answer = await postRaw(program.url, JSON.stringify(body));
  assert.equal(answer.json["exit_status"], 124, answer.text);
  assert.deepEqual([...Deno.readDirSync(temporary.path)].map(({ name }) => name), []);
});

Deno.test("FFmpeg: a playlist named .wav reads other files, unless formats are named", async () => {
  using folder = temporaryFolder();
  const secret = `${folder.path}/secret.mp3`;
  await makeSound(secret);
  const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${secret}\n#EXT-X-ENDLIST\n`;
  const refused = await answerTo(playlist, "wav_to_mp3.sh");
  assert.equal(refused.data, "");
  assert.match(refused.error, /Format not on whitelist/);
  const open = changed(" -format_whitelist wav", "");
  const leaking = await answerTo(playlist, "wav_to_mp3.sh", open);
  assert.deepEqual([leaking.json["exit_status"], leaking.data.slice(0, 3)], [0, "ID3"]);
  const address = replaced(playlist, secret, "http://127.0.0.1:9/secret.mp3");
  assert.match((await answerTo(address, "wav_to_mp3.sh", open)).error, /'http' not on whitelist/);
});

Deno.test("FFmpeg: half a WAV file passes; with -xerror it fails, and so does one of unknown length", async () => {
  const whole = await sound();
  const half = whole.slice(0, whole.length / 2);
  const passed = await answerTo(half, "wav_to_mp3.sh");
  assert.deepEqual([passed.json["exit_status"], passed.data.slice(0, 3)], [0, "ID3"]);
  const strict = changed("-loglevel error", "-loglevel error -xerror");
  const piped = await run("ffmpeg", ["-loglevel", "error", "-i", "-", "-f", "wav", "-"], whole);
  for (const [payload, fails] of [[whole, false], [half, true], [piped, true]] as const) {
    const answer = await answerTo(payload, "wav_to_mp3.sh", strict);
    assert.equal(answer.json["exit_status"] !== 0, fails, answer.text);
  }
});

Deno.test("Mono: the locale decides about output and numbers; an exception is 1, 256 is 0", async () => {
  const answer = await answerTo("x", "upper.sh");
  assert.deepEqual([answer.data, answer.output], ["X1.5", "ä\n"]);
  const bare = await answerTo("x", "upper.sh", changed("LC_ALL=C.UTF-8", "LC_ALL=C"));
  assert.deepEqual([bare.data, bare.output], ["X1.5", "?\n"]);
  const german = await answerTo("x", "upper.sh", changed("LC_ALL=C.UTF-8", "LC_ALL=de_DE.UTF-8"));
  assert.equal(german.data, "X1,5");
  const failing = await answerTo("x", "upper.sh", changed("REQUEST_DATA_FN", "REQUEST_ID"));
  assert.deepEqual([failing.json["exit_status"], failing.data], [1, ""]);
  assert.match(failing.error, /Unhandled Exception:\s+System\.IO\.FileNotFoundException/);
  const whole = /"\$JOBRUNNER_REQUEST_DATA_FN" "\$JOBRUNNER_RESPONSE_DATA_FN"/;
  const exits = (block: string) => block.replace(whole, "exit 256");
  assert.equal((await answerTo("x", "upper.sh", exits)).json["exit_status"], 0);
});

Deno.test("a pipeline without pipefail hides a failure; with head it can be 141", async () => {
  const without = changed("set -euo pipefail", "set -eu");
  const hidden = await answerTo("no gzip", "sort_gz.sh", without);
  assert.deepEqual([hidden.json["exit_status"], hidden.data.slice(0, 1)], [0, "\x1f"]);
  const sh = changed("#!/bin/bash", "#!/bin/sh");
  const unknown = await answerTo("no gzip", "sort_gz.sh", sh);
  assert.deepEqual(ending(unknown), [2, ""]);
  assert.match(unknown.error, /Illegal option -o pipefail/);
  const lines = Array.from({ length: 100_000 }, (_, line) => `${line}\n`).join("");
  const many = await run("gzip", ["-c"], lines);
  for (const [program, status] of [["head -n 3", 141], ["sed -n 1,3p", 0]] as const) {
    const cut = await answerTo(many, "sort_gz.sh", changed("| gzip >", `| ${program} >`));
    assert.deepEqual([cut.json["exit_status"], cut.data], [status, status ? "" : "0\n1\n10\n"]);
  }
});
