/**
 * Every recipe of `docs/guides/recipes.md`, run as it stands there with the real program: what a server's administrator types, and
 * what a client types.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import {
  blocks,
  type Bytes,
  page,
  picture,
  place,
  recipe,
  recipes,
  run,
  serve,
  sound,
  textOf,
  word,
} from "../support/recipes.ts";

/** The words in a PDF. */
async function wordsIn(path: string): Promise<string> {
  const text = textOf(await run("gs", ["-q", "-sDEVICE=txtwrite", "-o", "-", path]));
  return text.replace(/\s+/g, " ").trim();
}

/** Its format and its seconds. */
async function formatAndSeconds(path: string): Promise<readonly [string, number]> {
  const wanted = ["-show_entries", "format=format_name,duration", "-of", "csv=p=0"];
  const [format = "", seconds] = textOf(await run("ffprobe", ["-v", "error", ...wanted, path]))
    .split(",");
  return [format, Number(seconds)];
}

const bytesOf = (text: string): Promise<Bytes> => Promise.resolve(new TextEncoder().encode(text));

/** What a client sends to a recipe, and what must come of it. */
interface Sample {
  readonly input: () => Promise<Bytes>;
  /** Throws unless the file is the right result. */
  readonly check: (path: string) => Promise<void>;
  /** What the answer to a payload that is no such file says in `error`; null: there is no such payload. */
  readonly refusal: RegExp | null;
}

const samples: Readonly<Record<string, Sample>> = {
  "docx_to_pdf.sh": {
    input: () => word("Forty-two invoices"),
    async check(path) {
      assert.equal(await wordsIn(path), "Forty-two invoices");
    },
    refusal: /source file could not be loaded/,
  },
  "png_to_gif.sh": {
    input: () => picture("png", "red"),
    async check(path) {
      assert.equal(textOf(await run("identify", ["-format", "%m %wx%h", path])), "GIF 8x8");
    },
    refusal: /improper image header/,
  },
  "md_to_html.sh": {
    input: () => bytesOf("# Title\n\nSome *text*.\n"),
    async check(path) {
      const html = await Deno.readTextFile(path);
      assert.match(html, /<h1 id="title">Title<\/h1>\s*<p>Some <em>text<\/em>\.<\/p>/);
    },
    refusal: null,
  },
  "column_means.sh": {
    input: () => bytesOf("1,2,3.5\n3,4,6\n"),
    async check(path) {
      assert.equal(await Deno.readTextFile(path), "2,3,4.75\n");
    },
    refusal: /failed to read matrix/,
  },
  "ps_to_pdf.sh": {
    input: () =>
      bytesOf(
        "%!PS\n/Helvetica findfont 24 scalefont setfont 72 700 moveto (hello) show showpage\n",
      ),
    async check(path) {
      assert.match(await Deno.readTextFile(path), /^%PDF-/);
      assert.equal(await wordsIn(path), "hello");
    },
    refusal: /Error: \/undefined in rubbish/,
  },
  "wav_to_mp3.sh": {
    input: sound,
    async check(path) {
      const [format, seconds] = await formatAndSeconds(path);
      assert.equal(format, "mp3");
      assert.ok(seconds > 1.9 && seconds < 2.2, `${seconds} s`);
    },
    refusal: /Invalid/,
  },
  "upper.sh": {
    input: () => bytesOf("grün "),
    async check(path) {
      assert.equal(await Deno.readTextFile(path), "GRÜN 1.5");
    },
    refusal: null,
  },
  "sort_gz.sh": {
    input: () => run("gzip", ["-c"], "pear\napple\npear\nÄpfel\nZebra\n"),
    async check(path) {
      assert.equal(textOf(await run("gzip", ["-dc", path])), "Zebra\napple\npear\nÄpfel\n");
    },
    refusal: /not in gzip format/,
  },
};

Deno.test("every shell block of the page belongs to a recipe that is run", () => {
  assert.deepEqual([...recipes.keys()], Object.keys(samples));
  assert.equal(page.match(/^```/gm)?.length, 2 * blocks.length, "a block of another kind");
});

for (const [script, { input, check, refusal }] of Object.entries(samples)) {
  Deno.test(`${script}: both blocks of the recipe as they stand; a wrong payload fails`, async () => {
    using folder = temporaryFolder();
    await using program = await serve(script, folder.path);
    const { sending, input: inputName, output } = recipe(script);
    await Deno.writeFile(`${folder.path}/${inputName}`, await input());
    const sent = await new Deno.Command("bash", {
      args: ["-euc", sending],
      cwd: folder.path,
      env: { ...place(folder.path), SERVER: program.url },
    }).output();
    assert.equal(sent.code, 0, textOf(sent.stderr));
    await check(`${folder.path}/${output}`);
    if (refusal === null) return;
    const refused = await post(program.url, "rubbish\n");
    assert.ok(Number(refused.json["exit_status"]) > 0, refused.text);
    assert.match(refused.error, refusal);
    assert.equal(refused.data, "");
  });
}
