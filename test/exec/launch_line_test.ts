import assert from "node:assert/strict";
import fc from "fast-check";
import { createLaunchLine } from "../../src/exec/launch_line.ts";

const launcher = { path: "/launcher", word: "jobrunner-0123", holdsAll: true };
const line = "jobrunner-0123 002\n";

/** What is passed on of stderr in these pieces, at once and in all, and the launcher's error number. */
function after(pieces: readonly string[], exitStatus: number | undefined, outputBytes = 0) {
  let passedOn = "";
  const launchLine = createLaunchLine(launcher, (bytes) => {
    passedOn += new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  });
  for (const piece of pieces) launchLine.write(new TextEncoder().encode(piece));
  const atOnce = passedOn;
  return { atOnce, errno: launchLine.end(exitStatus, outputBytes), passedOn };
}

Deno.test("createLaunchLine() takes the launcher's one line as an error number, not as output", () => {
  assert.deepEqual(after([line], 127), { atOnce: "", errno: 2, passedOn: "" });
  assert.deepEqual(after(["jobrunner-0123 013\n"], 126), { atOnce: "", errno: 13, passedOn: "" });
  assert.deepEqual(after(["jobrunner-0123 413\n"], 126), { atOnce: "", errno: 413, passedOn: "" });
  assert.deepEqual(after([...line], 127), { atOnce: "", errno: 2, passedOn: "" });
});

Deno.test("createLaunchLine() takes anything else as the command's output, and loses nothing of it", () => {
  for (
    const [status, outputBytes, error] of [
      [0, 0, line],
      [1, 0, line],
      [undefined, 0, line],
      [127, 1, line],
      [127, 0, ""],
      [127, 0, "jobrunner-0123 002"],
      [127, 0, "jobrunner-0123 02\n"],
      [127, 0, "jobrunner-0123 x02\n"],
      [127, 0, "jobrunner-0124 002\n"],
      [127, 0, " 002\njobrunner-0123"],
      [127, 0, "\ufeff"],
      [127, 0, `\ufeff${line}`],
      [127, 0, `x${line}`],
      [127, 0, `${line}x`],
    ] as const
  ) {
    const { errno, passedOn } = after([error], status, outputBytes);
    assert.equal(errno, undefined, `${status} ${outputBytes} ${error}`);
    assert.equal(passedOn, error);
  }
});

Deno.test("createLaunchLine() passes on at once what cannot become the launcher's line", () => {
  assert.equal(after(["usage: x\n"], 1).atOnce, "usage: x\n");
  assert.equal(after(["jobrunner-", "xyz"], 1).atOnce, "jobrunner-xyz");
  assert.equal(after([line, "more"], 127).atOnce, `${line}more`);
  assert.equal(after(["a", line], 127).atOnce, `a${line}`);
});

Deno.test("createLaunchLine() passes on any bytes in any pieces as they came", () => {
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 30 }),
    fc.constantFrom("jobrunner-0123", " ", "00", "2", "\n", "jobrunner", "\ufeff")
      .map((text) => new TextEncoder().encode(text)),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
    const passedOn: number[] = [];
    const launchLine = createLaunchLine(launcher, (bytes) => {
      assert.ok(bytes.length > 0);
      passedOn.push(...bytes);
    });
    for (const bytes of pieces) launchLine.write(new Uint8Array(bytes));
    assert.equal(launchLine.end(0, 0), undefined);
    assert.deepEqual(passedOn, pieces.flatMap((bytes) => [...bytes]));
  }));
});

Deno.test("createLaunchLine() returns the receiver's promises, and passes on one piece after the other", async () => {
  const passedOn: string[] = [];
  const receipts: PromiseWithResolvers<void>[] = [];
  const launchLine = createLaunchLine(launcher, (bytes) => {
    passedOn.push(new TextDecoder().decode(bytes));
    const receipt = Promise.withResolvers<void>();
    receipts.push(receipt);
    return receipt.promise;
  });
  const encoder = new TextEncoder();
  assert.equal(launchLine.write(encoder.encode("jobrunner-")), undefined);
  const written = launchLine.write(encoder.encode("xyz"));
  assert.deepEqual(passedOn, ["jobrunner-"]);
  receipts[0]?.resolve();
  while (receipts.length < 2) await Promise.resolve();
  assert.deepEqual(passedOn, ["jobrunner-", "xyz"]);
  receipts[1]?.resolve();
  await written;
  assert.equal(launchLine.end(0, 0), undefined, "nothing was held back");

  const short = createLaunchLine(launcher, () => receipts[2]?.promise);
  short.write(encoder.encode("jobrunner-"));
  receipts[2] = Promise.withResolvers<void>();
  const end = short.end(0, 0);
  assert.ok(end instanceof Promise);
  receipts[2].resolve();
  assert.equal(await end, undefined);
});
