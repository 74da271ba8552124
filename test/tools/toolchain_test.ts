/**
 * `tools/deno.sh` on machines made of a PATH. Nothing is fetched: npm is a stand-in that does what npm would.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { runtimeDenoVersion } from "../../tools/targets.ts";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

const platform = "linux-x64-glibc";
/** Tools of POSIX, and some others that every system has. */
const tools = "sh sed sort head dirname mkdir mktemp mv rm find chmod cat tar gzip".split(" ");
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
const sumOf = (text: string) => createHash("sha256").update(text).digest("hex");

/** A machine whose PATH has only the given programs, and a project that pins these sums. */
function machine(
  programs: Readonly<Record<string, string>>,
  sums: readonly string[] = ["2.9.6", "2.7.11"].map((version) => sumLine(version)),
) {
  const folder = temporaryFolder();
  const { path } = folder;
  for (const name of ["bin", "project", "project/tools"]) Deno.mkdirSync(`${path}/${name}`);
  for (const name of tools) {
    const { stdout } = new Deno.Command("sh", { args: ["-c", `command -v ${name}`] }).outputSync();
    Deno.symlinkSync(decode(stdout), `${path}/bin/${name}`);
  }
  const install = (name: string, script: string) =>
    Deno.writeTextFileSync(`${path}/bin/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  for (const [name, script] of Object.entries({ node, ...programs })) install(name, script);
  Deno.copyFileSync(`${projectRoot}tools/deno.sh`, `${path}/project/tools/deno.sh`);
  const sumsFile = `${path}/project/tools/deno.sums`;
  Deno.writeTextFileSync(sumsFile, sums.map((line) => `${line}\n`).join(""));
  return {
    [Symbol.dispose]: () => folder[Symbol.dispose](),
    install,
    /** Adds lines to the sums. */
    pin: (lines: string) => Deno.writeTextFileSync(sumsFile, `${lines}\n`, { append: true }),
    /** Makes something in .tools look so many minutes old. */
    age: (name: string, minutes: number) => {
      const then = new Date(Date.now() - minutes * 60_000);
      Deno.utimeSync(`${path}/project/.tools/${name}`, then, then);
    },
    /** What lies in .tools. */
    installed: () => [...Deno.readDirSync(`${path}/project/.tools`)].map(({ name }) => name),
    async run(...args: string[]) {
      const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
        args: [`${path}/project/tools/deno.sh`, ...args],
        clearEnv: true,
        env: { PATH: `${path}/bin` },
      }).output();
      const text = (bytes: Uint8Array) => decode(bytes).replaceAll(path, "");
      return { code, stdout: text(stdout), stderr: text(stderr) };
    },
  };
}

const deno = (version: string) => `echo "deno ${version} (stable, release)"`;
/** What npm has as that version; below, its line of the sums. */
const programOf = (version: string) => `the program of deno@${version}`;
const sumLine = (version: string, text = programOf(version)) =>
  `${sumOf(text)}  ${version}/${platform}`;
/** Runs `node -e SCRIPT`. */
const node = `exec '${Deno.execPath()}' eval --ext=cjs "$2"`;
/** Makes what `npm install --prefix FOLDER … deno@VERSION` makes. */
const npm =
  `mkdir -p "$3/node_modules/@deno/${platform}"; for last; do :; done; printf %s "the program of $last" >"$3/node_modules/@deno/${platform}/deno"; echo "npm: $last" >&2`;
const pathOf = (version: string) =>
  `/project/.tools/deno-${version}/node_modules/@deno/${platform}/deno`;

Deno.test("tools/deno.sh uses a deno on PATH that is 2.7.11 or newer", async () => {
  for (const version of ["2.7.11", "2.9.6", "2.10.0", "3.0.0"]) {
    using there = machine({ deno: deno(version) });
    assert.deepEqual(await there.run("2.9.6"), { code: 0, stdout: "/bin/deno", stderr: "" });
  }
});

Deno.test("tools/deno.sh installs the pinned Deno from npm, once, if that on PATH is older or broken", async () => {
  for (
    const programs of [{ deno: deno("2.7.9") }, { deno: "exit 1" }, {}] as Record<string, string>[]
  ) {
    using there = machine({ ...programs, npm });
    const first = await there.run("2.9.6");
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout, pathOf("2.9.6"));
    assert.match(first.stderr, /npm: deno@2\.9\.6$/);
    const second = await there.run("2.9.6");
    assert.deepEqual(second, { code: 0, stdout: pathOf("2.9.6"), stderr: "" });
    assert.deepEqual(there.installed(), ["deno-2.9.6"]);
  }
});

Deno.test("tools/deno.sh has npm install the program even if it is set up to omit what is optional", async () => {
  using there = machine({
    npm: `case " $* " in *" --include=optional "*) ;; *) exit 0 ;; esac; ${npm}`,
  });
  assert.equal((await there.run("2.9.6")).stdout, pathOf("2.9.6"));
});

Deno.test("tools/deno.sh provides exactly the version that is asked for", async () => {
  using other = machine({ deno: deno("2.9.6"), npm });
  assert.equal((await other.run("2.9.6", "2.7.11")).stdout, pathOf("2.7.11"));
  using same = machine({ deno: deno("2.7.11") });
  assert.equal((await same.run("2.9.6", "2.7.11")).stdout, "/bin/deno");
});

Deno.test("tools/deno.sh refuses and removes a program with another SHA-256, and fetches it anew", async () => {
  const pinned = sumLine("2.9.6");
  using there = machine({ npm: npm.replace("the program", "another program") }, [pinned]);
  for (let time = 0; time < 2; time++) {
    const { code, stdout, stderr } = await there.run("2.9.6");
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    const [wanted, actual] = [sumOf(programOf("2.9.6")), sumOf("another program of deno@2.9.6")];
    assert.deepEqual(stderr.split("\n"), [
      "Installing Deno 2.9.6 from npm into /project/.tools/deno-2.9.6",
      "npm: deno@2.9.6",
      `Deno 2.9.6 for ${platform} from npm: must have the SHA-256 ${wanted}, as tools/deno.sums says, but it has ${actual}; it was removed`,
    ]);
    assert.deepEqual(there.installed(), []);
  }
  there.install("npm", npm);
  assert.equal((await there.run("2.9.6")).stdout, pathOf("2.9.6"));
});

Deno.test("tools/deno.sh refuses a version or platform without a sum, and names the command that pins it", async () => {
  const otherVersion = sumLine("2.9.6");
  const otherPlatform = sumLine("2.8.3").replace(platform, "darwin-x64");
  for (const sums of [[], [otherVersion], [otherPlatform], [`  2.8.3/${platform}`]]) {
    using there = machine({ npm }, sums);
    const { code, stdout, stderr } = await there.run("2.9.6", "2.8.3");
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.equal(
      stderr.split("\n").at(-1),
      `Deno 2.8.3 for ${platform}: must have a SHA-256 in tools/deno.sums; to pin what npm has now: tools/deno.sh --sums 2.8.3 >>tools/deno.sums`,
    );
    assert.deepEqual(there.installed(), []);
  }
});

Deno.test("tools/deno.sh refuses two sums of one program, even if one is right", async () => {
  using there = machine({ npm }, [sumLine("2.9.6"), sumLine("2.9.6", "another")]);
  const { code, stdout } = await there.run("2.9.6");
  assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
  assert.deepEqual(there.installed(), []);
});

Deno.test("tools/deno.sh --sums prints the missing lines, with which the version installs", async () => {
  // `npm pack --silent --pack-destination FOLDER NAME` of one platform; this registry has no other.
  const pack = `case $5 in
  @deno/${platform}@*) ;;
  *) exit 1 ;;
esac
mkdir -p "$4/made/package"
printf %s "the program of deno@\${5##*@}" >"$4/made/package/deno"
tar -czf "$4/packed.tgz" -C "$4/made" package
echo packed.tgz`;
  using there = machine({ npm: `if [ "$1" = pack ]; then\n${pack}\nelse\n${npm}\nfi` });
  const { code, stdout, stderr } = await there.run("--sums", "2.8.3");
  assert.deepEqual({ code, stdout }, { code: 0, stdout: sumLine("2.8.3") });
  assert.match(stderr, /^npm has no Deno 2\.8\.3 for darwin-x64$/m);
  there.pin(stdout);
  assert.equal((await there.run("2.9.6", "2.8.3")).stdout, pathOf("2.8.3"));
  assert.equal((await there.run("--sums", "2.8.3")).stdout, "");
  assert.deepEqual(there.installed(), ["deno-2.8.3"]);
});

Deno.test("tools/deno.sh leaves nothing if npm fails after it wrote the program, and installs next time", async () => {
  using there = machine({ npm: `${npm}; exit 7` });
  assert.equal((await there.run("2.9.6")).code, 7);
  assert.deepEqual(there.installed(), []);
  there.install("npm", npm);
  assert.equal((await there.run("2.9.6")).code, 0);
});

Deno.test("tools/deno.sh does not count what a killed run left as installed, and removes it later", async () => {
  // The tool is the parent of npm.
  using there = machine({ npm: `${npm}; kill -9 $PPID` });
  const { code, stdout } = await there.run("2.9.6");
  assert.deepEqual({ code, stdout }, { code: 137, stdout: "" });
  const [left = ""] = there.installed();
  assert.match(left, /^installing\./);
  there.install("npm", npm);
  assert.equal((await there.run("2.9.6")).stdout, pathOf("2.9.6"));
  assert.deepEqual(there.installed().sort(), ["deno-2.9.6", left]);
  // It could belong to a run that goes on, but not after an hour.
  there.age(left, 90);
  await there.run("2.9.6", "2.7.11");
  assert.deepEqual(there.installed().sort(), ["deno-2.7.11", "deno-2.9.6"]);
});

Deno.test("tools/deno.sh reports in one line that npm has nothing for this platform, and leaves nothing", async () => {
  using there = machine({ npm: "exit 0" });
  const { code, stderr } = await there.run("2.9.6");
  assert.equal(code, 1);
  assert.match(stderr, /\nnpm has no Deno 2\.9\.6 for this platform: install Deno [^\n]*$/);
  assert.deepEqual(there.installed(), []);
});

Deno.test("tools/deno.sh without Deno and npm reports in one line how to get Deno", async () => {
  using there = machine({});
  const { code, stdout, stderr } = await there.run("2.9.6");
  assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
  assert.match(stderr, /^Neither Deno 2\.7\.11 or newer nor npm .*: install Deno .*$/);
});

Deno.test("tools/deno.sums pins PINNED_DENO for every platform, and CI's other versions for CI's platform", () => {
  const read = (name: string) => Deno.readTextFileSync(`${projectRoot}${name}`);
  const lines = read("tools/deno.sums").split("\n").filter((line) => !/^(?:#|$)/.test(line));
  for (const line of lines) assert.match(line, /^[0-9a-f]{64} {2}[0-9.]+\/[a-z0-9-]+$/);
  const names = lines.map((line) => line.slice(66));
  assert.deepEqual(names, [...new Set(names)]);
  const ours = /^PINNED_DENO := (\S+)$/m.exec(read("Makefile"))?.[1];
  const platforms = /^platforms='(.+)'$/m.exec(read("tools/deno.sh"))?.[1]?.split(" ") ?? [];
  assert.ok(platforms.length > 1 && platforms.includes(platform));
  const others = [...read(".ci/run").matchAll(/DENO_VERSION=(\S+)/g)].map((match) => match[1]);
  assert.ok(others.length > 0);
  const wanted = [
    ...platforms.map((name) => `${ours}/${name}`),
    ...[...others, runtimeDenoVersion].map((version) => `${version}/${platform}`),
  ];
  assert.deepEqual(wanted.filter((name) => !names.includes(name)), []);
});
