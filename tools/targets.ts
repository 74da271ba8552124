/**
 * The platforms that binaries are made for.
 *
 * @module
 */

/** One platform. */
export interface Target {
  /** Its name on our command line. */
  readonly name: string;
  /** Its name for `deno compile --target`. */
  readonly triple: string;
  /** Name of the binary under `bin/`. */
  readonly file: string;
  /** Where to find its runtime on npm. */
  readonly runtime: Runtime;
}

/**
 * The runtime inside an npm package: `deno compile` output of that version holds the runtime, whole, and what was
 * compiled after it (ELF) or in a section of its own that compiling replaces (PE, Mach-O).
 */
export interface Runtime {
  /** Name of the package. */
  readonly package: string;
  /** Its version. */
  readonly version: string;
  /** The program in it. */
  readonly path: string;
  /** How many of its first bytes are the runtime; all of them where that is absent. */
  readonly bytes?: number;
  /** SHA-256 of those bytes. */
  readonly sha256: string;
}

/** Version of the packages below. */
const runtimePackageVersion = "0.22.2";

/** Version of Deno of their runtimes: only that Deno can compile with them. */
export const runtimeDenoVersion = "2.7.11";

/** Every platform. */
export const targets: readonly Target[] = [
  {
    name: "linux",
    triple: "x86_64-unknown-linux-gnu",
    file: "jobrunner-linux-x64",
    runtime: {
      package: "@stdy/cli-linux-x64",
      version: runtimePackageVersion,
      path: "bin/steady",
      bytes: 97_076_048,
      sha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
    },
  },
  {
    name: "linux-arm64",
    triple: "aarch64-unknown-linux-gnu",
    file: "jobrunner-linux-arm64",
    runtime: {
      package: "@stdy/cli-linux-arm64",
      version: runtimePackageVersion,
      path: "bin/steady",
      bytes: 90_596_104,
      sha256: "9c888d915647ff971a497acd39ee45ea63da5f19d12d4363124942c257c055ef",
    },
  },
  {
    name: "win",
    triple: "x86_64-pc-windows-msvc",
    file: "jobrunner-windows-x64.exe",
    runtime: {
      package: "@stdy/cli-win32-x64",
      version: runtimePackageVersion,
      path: "bin/steady.exe",
      sha256: "f61a8733b07d8fe6746543e8c602a0f583cd9baa591a94d63ea59c2349a7ef85",
    },
  },
  {
    name: "mac",
    triple: "x86_64-apple-darwin",
    file: "jobrunner-macos-x64",
    runtime: {
      package: "@stdy/cli-darwin-x64",
      version: runtimePackageVersion,
      path: "bin/steady",
      sha256: "79b2f73925accd5c20999330b93a02b56d3d750c425d815c66fea39b866212f3",
    },
  },
  {
    name: "mac-arm64",
    triple: "aarch64-apple-darwin",
    file: "jobrunner-macos-arm64",
    runtime: {
      package: "@stdy/cli-darwin-arm64",
      version: runtimePackageVersion,
      path: "bin/steady",
      sha256: "bbea9a6e5e39516958cebc3bafd97abce1a4b192d8a8d4e18725d3eee8ef444c",
    },
  },
];
