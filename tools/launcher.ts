/**
 * Assembles the launcher (`launcher/launcher.S`) for each processor and writes its bytes as text into
 * `src/supervisor/launcher_code.ts`; with `--check`, only reports whether they differ.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { BuildFailure } from "./build_failure.ts";
import { requireCommand } from "./required_command.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const source = "tools/launcher/launcher.S";
const output = "src/supervisor/launcher_code.ts";

/** The processors, by their names in `Deno.build.arch`; the names of each one's binutils begin with it. */
const architectures = [
  { name: "x86_64", macros: [], binutils: "binutils-x86-64-linux-gnu" },
  { name: "aarch64", macros: ["-DAARCH64"], binutils: "binutils-aarch64-linux-gnu" },
] as const;

type Architecture = typeof architectures[number];

/** The program's bytes. The compiler only runs its preprocessor, so that one compiler serves every processor. */
async function assemble({ name, macros, binutils }: Architecture): Promise<Uint8Array> {
  const folder = Deno.makeTempDirSync({ prefix: "jobrunner-launcher-" });
  const [text, object, program] = ["launcher.s", "launcher.o", "launcher"].map((file) =>
    `${folder}/${file}`
  ) as [string, string, string];
  try {
    // -undef: no macros of this machine; -P: no line numbers, since paths would differ.
    const preprocess = ["-E", "-P", "-undef", ...macros, "-x", "assembler-with-cpp"];
    await requireCommand("gcc", [...preprocess, "-o", text, source], root, "gcc");
    await requireCommand(`${name}-linux-gnu-as`, ["-o", object, text], root, binutils);
    // Only our section: some assemblers add notes of their own.
    const copy = ["-O", "binary", "-j", ".text", object, program];
    await requireCommand(`${name}-linux-gnu-objcopy`, copy, root, binutils);
    return Deno.readFileSync(program);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The generated file. */
async function launcherCode(): Promise<string> {
  const entries: string[] = [];
  for (const architecture of architectures) {
    const lines = (await assemble(architecture)).toBase64().match(/.{1,88}/g) ?? [];
    const text = lines.map((line) => `    "${line}"`).join(" +\n");
    entries.push(`  ${architecture.name}:\n${text},\n`);
  }
  return `/**
 * The launcher's bytes, in base64. Written by \`make launcher\` out of \`${source}\`: do not edit.
 *
 * @module
 */

/** The program for each processor, to which \`launcher.ts\` appends what it shall run. */
export const launcherCode: Readonly<Record<"x86_64" | "aarch64", string>> = {
${entries.join("")}};
`;
}

if (import.meta.main) {
  try {
    const wanted = await launcherCode();
    if (!Deno.args.includes("--check")) {
      Deno.writeTextFileSync(`${root}${output}`, wanted);
    } else if (Deno.readTextFileSync(`${root}${output}`) !== wanted) {
      throw new BuildFailure(`${output}: must hold what ${source} makes: run make launcher`);
    }
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
