/**
 * The examples of the guides, and of the protocol of warm workers, typed as the pages print them: each TOML file is served, or
 * what a shell block serves; each other shell block is run, and what it prints is compared with the block behind it.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";
import { type Program, projectRoot, startCommand } from "../support/program.ts";
import { place, replaced, textOf } from "../support/recipes.ts";

interface Block {
  /** Empty for what a shell block prints. */
  readonly language: string;
  readonly text: string;
}

/** What is served, and the blocks that use it. */
interface Example {
  /** A TOML file; empty if the first block serves without one. */
  readonly file: string;
  readonly blocks: readonly Block[];
}

/** The blocks of a page, which is named by its path from the guides. */
function blocksOf(guide: string): Block[] {
  const page = Deno.readTextFileSync(new URL(guide, `file://${projectRoot}docs/guides/`));
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)]
    .map(([, language = "", text = ""]) => ({ language, text }));
}

function examplesOf(guide: string): Example[] {
  const blocks = blocksOf(guide);
  const starts = blocks.flatMap(({ language }, at) => language === "toml" ? [at] : []);
  return starts.map((at, index) => ({
    file: blocks[at]?.text ?? "",
    blocks: blocks.slice(at + 1, starts[index + 1]),
  }));
}

/** The examples of a guide without TOML files: each begins with a shell block that serves. */
function servedIn(guide: string): Example[] {
  const blocks = blocksOf(guide);
  const starts = blocks.flatMap(({ text }, at) => text.includes("jobrunner serve") ? [at] : []);
  return starts.map((at, index) => ({ file: "", blocks: blocks.slice(at, starts[index + 1]) }));
}

/** A block of a guide in another language, which must hold this text. */
function other(guide: string, language: string, part: string): string {
  const found = blocksOf(guide).find((block) =>
    block.language === language && block.text.includes(part)
  );
  assert.ok(found, `${guide} has no block of ${language} with ${part}`);
  return found.text;
}

/** A folder in which a file is served. */
interface Stage {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

function stageIn(path: string, file: string): Stage {
  Deno.symlinkSync(`${projectRoot}contrib`, `${path}/contrib`);
  Deno.writeTextFileSync(`${path}/jobrunner.toml`, file);
  return { path, env: place(path) };
}

const serveFile = "jobrunner serve --config-file jobrunner.toml\n";

async function serve({ path, env }: Stage, block = serveFile): Promise<Program> {
  // The server takes the place of the shell, so that a signal reaches it.
  const script = replaced(block, "jobrunner serve", "exec jobrunner serve");
  const program = await startCommand("bash", { args: ["-euc", script], cwd: path, env });
  // From source the server's process has the name of the runtime.
  Deno.writeTextFileSync(`${path}/pidof`, `#!/bin/sh\necho ${program.pid}\n`, { mode: 0o755 });
  return program;
}

/** Runs a shell block; everything that it prints. */
async function type(block: string, { path, env }: Stage, url = ""): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-uc", block.replaceAll("http://127.0.0.1:8080", url)],
    cwd: path,
    env: { ...env, SERVER: url },
  }).output();
  return textOf(stdout) + textOf(stderr);
}

/** Lines of the log are printed as `… message field=value`. */
const isLog = (shown: string) => shown.startsWith("… ");

async function run({ file, blocks }: Example): Promise<void> {
  using folder = temporaryFolder();
  const stage = stageIn(folder.path, file);
  await using programs = new AsyncDisposableStack();
  let program: Program | undefined;
  for (const [at, { language, text }] of blocks.entries()) {
    if (language !== "sh") continue;
    const next = blocks[at + 1];
    const shown = next?.language === "" ? next.text : "";
    if (text.includes("serve --check")) {
      assert.equal(await type(text, stage), shown);
    } else if (text.includes("jobrunner serve")) {
      program = programs.use(await serve(stage, text));
    } else {
      program ??= programs.use(await serve(stage));
      const printed = await type(text, stage, program.url);
      assert.equal(printed, isLog(shown) ? "" : shown, text);
      if (!isLog(shown)) continue;
      for (const line of shown.trimEnd().split("\n")) await program.line(line.slice("… ".length));
    }
  }
  assert.ok(blocks.some(({ language }) => language === "sh"), `nothing is done with:\n${file}`);
}

for (const guide of ["several-commands.md", "reload.md", "warm.md"]) {
  for (const [index, example] of examplesOf(guide).entries()) {
    const [name = ""] = example.file.match(/^\[commands\..*?\]/m) ?? [];
    Deno.test(`${guide}: example ${index + 1}, with ${name}, does what the guide prints`, () =>
      run(example));
  }
}

for (const guide of ["files.md", "tokens.md", "../reference/warm-protocol.md"]) {
  for (const [index, example] of servedIn(guide).entries()) {
    const [, name = ""] = example.blocks[0]?.text.match(/JOBRUNNER_CMD='?([^\s']+)/) ?? [];
    Deno.test(`${guide}: example ${index + 1}, with ${name}, does what the page prints`, () =>
      run(example));
  }
}

Deno.test("tokens.md: serve --check accepts the tokens file that shows every key", async () => {
  using folder = temporaryFolder();
  const stage = stageIn(folder.path, '[commands.pdf]\ncmd = "date"\n');
  Deno.writeTextFileSync(`${folder.path}/tokens.toml`, other("tokens.md", "toml", "[tokens.ci]"));
  const check = serveFile.trim().replace("serve", "serve --check --tokens-file tokens.toml");
  const shown = await type(`${check} && echo accepted`, stage);
  assert.match(shown, /^token ci: .*^token prometheus: .*^accepted$/ms);
});

Deno.test("several-commands.md: nginx lets each client run the commands that the guide allows it", async () => {
  using folder = temporaryFolder();
  const [first] = examplesOf("several-commands.md");
  await using program = await serve(stageIn(folder.path, first?.file ?? ""));
  const port = freePort();
  const locations = other("several-commands.md", "nginx", "location = /payload/upper")
    .replaceAll("127.0.0.1:8080", new URL(program.url).host);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${folder.path}/${kind};`).join(" ");
  Deno.writeTextFileSync(
    `${folder.path}/nginx.conf`,
    `daemon off; user root; pid ${folder.path}/pid; error_log stderr; events {}
    http { access_log off; ${temporary} server { listen 127.0.0.1:${port}; ${locations} } }`,
  );
  await using nginx = new Deno.Command("nginx", {
    args: ["-p", folder.path, "-c", `${folder.path}/nginx.conf`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const statusOf = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      body: '{"id": "1", "data": "aGVsbG8K"}',
    });
    await answer.body?.cancel();
    return answer.status;
  };
  await eventually("nginx listens", () => statusOf("/livez").then(() => true, () => false));
  assert.equal(await statusOf("/payload/upper"), 200);
  assert.equal(await statusOf("/payload/html"), 403);
  assert.equal(await statusOf("/payload"), 404);
  nginx.kill("SIGTERM");
});

Deno.test("reload.md: its ConfigMap is served, and a new one is loaded when Kubernetes swaps the link", async () => {
  using folder = temporaryFolder();
  const map = other("reload.md", "yaml", "kind: ConfigMap");
  const file = replaced(
    map.slice(map.indexOf("jobrunner.toml: |\n") + "jobrunner.toml: |\n".length)
      .replace(/^ {4}/gm, ""),
    "config_watch_sec = 10",
    "config_watch_sec = 0.1",
  );
  const stage = stageIn(folder.path, file);
  const inFolder = (name: string) => `${folder.path}/${name}`;
  const write = (version: string, text: string) => {
    Deno.mkdirSync(inFolder(version));
    Deno.writeTextFileSync(inFolder(`${version}/jobrunner.toml`), text);
  };
  write("..1", file);
  Deno.symlinkSync("..1", inFolder("..data"));
  Deno.removeSync(inFolder("jobrunner.toml"));
  Deno.symlinkSync("..data/jobrunner.toml", inFolder("jobrunner.toml"));
  await using program = await serve(stage);
  write("..2", `${file}\n[commands.lower]\ncmd = "tr A-Z a-z"\n`);
  Deno.symlinkSync("..2", inFolder("..data_tmp"));
  Deno.renameSync(inFolder("..data_tmp"), inFolder("..data"));
  await program.line('configuration reloaded cause="its files have changed" commands=2');
});
