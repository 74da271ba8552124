import assert from "node:assert/strict";
import { monotonicMicroseconds } from "../../src/machine/monotonic.ts";
import { projectRoot } from "../support/program.ts";

Deno.test({
  name: "monotonicMicroseconds() is CLOCK_MONOTONIC, the same for every process",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const module = `${projectRoot}src/machine/monotonic.ts`;
    const code = `import { monotonicMicroseconds } from ${JSON.stringify(module)};
      console.log(String(monotonicMicroseconds()));`;
    const before = monotonicMicroseconds();
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", "--no-check", code],
    }).output();
    const there = BigInt(new TextDecoder().decode(stdout).trim());
    const after = monotonicMicroseconds();
    assert.ok(before < there && there < after, `${before} ${there} ${after}`);
    // The time since the system was booted, without the time in which it was suspended (proc_uptime(5) includes that).
    const [uptime = ""] = Deno.readTextFileSync("/proc/uptime").split(" ");
    assert.ok(Number(monotonicMicroseconds()) / 1e6 <= Number(uptime) + 1, uptime);
  },
});
